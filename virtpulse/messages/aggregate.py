"""The aggregate: one document for each source, view and window."""

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.messages.sample import Fact


class Ratio(msgspec.Struct, gc=False):
    """A metric over a window: sums, and percentages of part in whole.

    `ratio` = 100 * sum(parts) / sum(wholes), None where the whole was not known for all of the window. `min`, `max`
    and `last` look at the samples whose whole was known (None if there was none). `count`: samples with this metric.
    """

    part: float
    whole: float
    ratio: float | None
    min: float | None
    max: float | None
    last: float | None
    count: int


class Timing(msgspec.Struct, gc=False):
    """An operation's times over a window, in seconds: `mean` = seconds / operations, None where nothing was done."""

    seconds: float
    operations: float
    mean: float | None
    min: float | None
    max: float | None
    last: float | None
    count: int


class Aggregate(msgspec.Struct, gc=False, kw_only=True):
    """A window of a source's view: `start <= time < end`, both in seconds since the epoch.

    samples: counted in this window. repeated: seen again and not counted. late: samples that came too late for a
    window since this view's previous aggregate.
    """

    source: str
    start: float
    end: float
    samples: int
    late: int
    repeated: int
    view: str | UnsetType = UNSET
    resources: dict[str, Ratio] = {}
    performance: dict[str, Ratio] = {}
    faults: dict[str, Ratio] = {}
    timings: dict[str, Timing] = {}
    facts: dict[str, Fact] = {}
