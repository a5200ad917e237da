"""What a user may set about the embedded log."""

import msgspec

from virtpulse.config.units import Duration, Size


class LocalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, and how much of, each topic is kept; None leaves the topic's own bounds. Compacted topics are not bounded."""

    max_age: Duration | None = None
    max_bytes: Size | None = None
