"""The last windows of a metric."""

import math
from array import array

from sinks.row import Measure, Name, Row
from virtpulse.messages.aggregate import Ratio, Timing


class Series:
    """The latest window of a metric as a row, and the ends and figures of the last `remembered` windows.

    ends: when the windows ended, in seconds since the epoch, rising. figures: one for each, NaN where there was no value.
    """

    __slots__ = ("ends", "figures", "remembered", "row")

    def __init__(self, name: Name, remembered: int) -> None:
        self.row = Row(name, remembered=1)
        self.remembered = remembered
        self.ends = array("d")
        self.figures = array("d")

    def update(self, value: Ratio | Timing, start: float, end: float, now: float) -> None:
        """Take a window; the latest may be corrected, older ones are left out. `now` by the monotonic clock."""
        if self.ends and end < self.ends[-1]:
            return
        measure = self.row.measure
        self.row.update(value, start, end, now)
        if self.row.measure is not measure:
            del self.ends[:], self.figures[:]
        if self.ends and end == self.ends[-1]:
            self.ends.pop()
            self.figures.pop()
        self.ends.append(end)
        self.figures.append(math.nan if self.row.figure is None else self.row.figure)
        del self.ends[: -self.remembered], self.figures[: -self.remembered]

    def is_quiet(self, now: float) -> bool:
        """Return whether its windows have stopped coming; `now` by the monotonic clock."""
        return now - self.row.seen > max(30.0, 3 * self.row.size)

    @property
    def is_percent(self) -> bool:
        """Whether its figures are percentages."""
        return self.row.measure is Measure.PERCENT
