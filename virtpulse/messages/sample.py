"""The sample: one look at one source."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Pair = tuple[float, float]
Pairs = dict[str, Pair]
Fact = str | int | float | bool
Ended = Literal["shutdown", "deleted", "migrated", "stopped"]


class Sample(msgspec.Struct, gc=False, kw_only=True):
    """One look at one source. Amounts are those of the interval, already taken as differences where counters are read.

    source: path of `[A-Za-z0-9._:-]+`, `host` or `host/guest`; its first segment is the partition key.
    time: seconds since the epoch, stamped before the measurement starts.
    view: which of the source's producers took it, a short word; none for the main one.
    interval: seconds that the amounts stand for. due: seconds until this view's next message, where that is more.
    ended: why the source ends here, on purpose.
    resources, performance, faults: metric key (`name` or `name@device`) to (part, whole).
    timings: metric key to (seconds, operations).
    """

    source: str
    time: float
    view: str | UnsetType = UNSET
    interval: float | UnsetType = UNSET
    due: float | UnsetType = UNSET
    ended: Ended | UnsetType = UNSET
    resources: Pairs | UnsetType = UNSET
    performance: Pairs | UnsetType = UNSET
    faults: Pairs | UnsetType = UNSET
    timings: Pairs | UnsetType = UNSET
    facts: dict[str, Fact] | UnsetType = UNSET


MAPS = ("resources", "performance", "faults", "timings")


def host_of(source: str) -> str:
    """Return the first segment of a source, which is its partition key."""
    return source.partition("/")[0]
