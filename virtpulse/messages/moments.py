"""Moments as Alertmanager writes them: RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import Final

NEVER: Final = "0001-01-01T00:00:00Z"  # Go's zero time, which stands for an end that is not known yet


def to_rfc3339(seconds: float) -> str:
    """Return seconds since the epoch as `2026-11-25T18:36:28.250Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def from_rfc3339(text: str) -> float:
    """Return the seconds since the epoch. Raises ValueError for a text that is no moment, or has no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f'a moment must have a time zone, as in 2026-11-25T18:36:28Z, got "{text[:40]}"'
        raise ValueError(msg)
    return moment.timestamp()
