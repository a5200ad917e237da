"""The source: the inventory's document for each source and view."""

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.messages.sample import Ended, Fact


class Source(msgspec.Struct, gc=False, kw_only=True):
    """What is known of a source's view, whether or not it is there now.

    first, last: when the log took in its first and its latest message. time: the newest event time seen.
    interval, due: as the latest sample said. ended: why it ended, if it did and has not come back.
    closed_until: its windows up to here are closed by quiet. late: late samples that no aggregate has counted yet.
    """

    source: str
    first: float
    last: float
    time: float
    view: str | UnsetType = UNSET
    interval: float | UnsetType = UNSET
    due: float | UnsetType = UNSET
    ended: Ended | UnsetType = UNSET
    closed_until: float | UnsetType = UNSET
    late: int = 0
    facts: dict[str, Fact] = {}


def inventory_key(source: str, view: str) -> str:
    """Return the key of a view's record on the sources topic; a source can't hold the space that divides the two."""
    return f"{source} {view}" if view else source
