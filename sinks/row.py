"""One metric of one source's view, as its latest windows show it."""

import copy
import math
from array import array
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from sinks.severity import Family, badness
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.wording import amount, duration, is_level, percent, span

HISTORY: Final = 60  # windows
_GAP: Final = math.nan
_STEADY: Final = 10  # rows whose badness differs by less than a tenth keep their alphabetical order, so that they don't dance


class Name(NamedTuple):
    """What a row is about."""

    source: str
    view: str
    family: Family
    key: str


class Measure(Enum):
    """What a row's figure is: a percentage, a mean time in seconds, an amount by the second (a level: by the look)."""

    PERCENT = "percent"
    TIME = "time"
    AMOUNT = "amount"


def metrics(aggregate: Aggregate) -> Iterator[tuple[Name, Ratio | Timing]]:
    """Yield every metric of an aggregate with its name."""
    view = aggregate.view if isinstance(aggregate.view, str) else ""
    for family, pairs in (
        (Family.RESOURCE, aggregate.resources),
        (Family.PERFORMANCE, aggregate.performance),
        (Family.FAULT, aggregate.faults),
    ):
        for key, ratio in pairs.items():
            yield Name(aggregate.source, view, family, key), ratio
    for key, timing in aggregate.timings.items():
        yield Name(aggregate.source, view, Family.TIMING, key), timing


class Row:
    """The latest window of a metric, and the figures of the last `remembered` windows.

    figure: percent, seconds or an amount by the second, as `measure` says; None where there was no value.
    low, high: smallest and largest of the window's samples. history: one figure a window, NaN where there was none.
    seen: when the latest window arrived, by the monotonic clock. size: seconds from the window's start to its end.
    """

    __slots__ = ("bad", "end", "figure", "high", "history", "low", "measure", "name", "remembered", "seen", "size")

    def __init__(self, name: Name, remembered: int = HISTORY) -> None:
        self.name = name
        self.remembered = remembered
        self.history = array("d")
        self.figure: float | None = None
        self.low: float | None = None
        self.high: float | None = None
        self.measure = Measure.TIME if name.family is Family.TIMING else Measure.AMOUNT
        self.bad = 0.0
        self.end = 0.0
        self.size = 0.0
        self.seen = 0.0

    def update(self, value: Ratio | Timing, start: float, end: float, now: float) -> None:
        """Take a window's value; the latest window may be corrected, older ones are left out."""
        if end < self.end:
            return
        if self.history and end == self.end:
            self.history.pop()
        elif self.history and start > self.end:
            self.history.extend([_GAP] * min(self.remembered, round((start - self.end) / (end - start))))
        self.end, self.size, self.seen = end, end - start, now
        self.low, self.high = value.min, value.max
        self.figure = self._figure(value)
        self.history.append(_GAP if self.figure is None else self.figure)
        del self.history[: -self.remembered]
        self.bad = 0.0
        if self.measure is Measure.PERCENT and self.figure is not None:
            self.bad = badness(self.name.family, self.name.key, self.figure)

    def _figure(self, value: Ratio | Timing) -> float | None:
        if isinstance(value, Timing):
            return value.mean
        if value.ratio is not None:
            self._become(Measure.PERCENT)
            return value.ratio
        if self.name.key.partition("@")[0].endswith(".utilization"):
            return None  # how much is in use says nothing by the second
        if value.part == 0 and (self.measure is Measure.PERCENT or self.name.family is Family.FAULT):
            return None  # nothing happened, so there is nothing to take a ratio of
        self._become(Measure.AMOUNT)
        return value.part / (value.count if is_level(self.name.key) else self.size)

    def _become(self, measure: Measure) -> None:
        if self.measure is not measure:
            self.measure = measure
            del self.history[:]

    def rank(self) -> tuple[object, ...]:
        """Return what rows are sorted by, worst first; see `Board`."""
        steady = round(self.bad * _STEADY)
        idle = 2 if self.figure is None else 0 if self.figure or steady else 1
        name = self.name
        return -steady, idle, _FAMILY_ORDER[name.family], name.source, name.view, name.key

    def snapshot(self) -> "Row":
        """Return the row as it is now, for a reader in another thread."""
        copied = copy.copy(self)
        copied.history = self.history[:]
        return copied


def figure(row: Row) -> str:
    """Return a row's figure with its unit."""
    if row.measure is Measure.PERCENT:
        return percent(row.figure)
    return duration(row.figure) if row.measure is Measure.TIME else amount(row.name.key, row.figure)


def extent(row: Row) -> str:
    """Return a row's smallest and largest, empty where they are not known."""
    return span(row.low, row.high, timing=row.measure is Measure.TIME)


_FAMILY_ORDER: Final = {Family.FAULT: 0, Family.RESOURCE: 1, Family.PERFORMANCE: 2, Family.TIMING: 3}
