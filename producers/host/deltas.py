"""The one place where counters become amounts of an interval."""

from typing import Final

_LONGEST_STALL: Final = 60.0  # seconds
_LONGEST_STALL_INTERVALS: Final = 10


class Deltas:
    """What counters have risen by since the look before.

    A counter has no delta at the first look, when it was not there at the look before, and when it went backwards,
    which is a reset. A counter that is not asked for at a look is forgotten.

    A look that comes late has a longer interval, so that nothing which happened in a stall is lost. Only after
    more than 60 s and 10 intervals the machine must have been suspended (or we stopped): what was counted over such a
    time belongs into no window of now, so the look counts as a first one.

    now: seconds of the monotonic clock at this look. dt: seconds since the look before, None at a first look.
    away: seconds that the machine was away before this look, else 0.
    """

    def __init__(self, interval: float) -> None:
        self.now = 0.0
        self.dt: float | None = None
        self.away = 0.0
        self._longest = max(_LONGEST_STALL, _LONGEST_STALL_INTERVALS * interval)
        self._started = False
        self._before: dict[str, float] = {}
        self._current: dict[str, float] = {}

    def begin(self, now: float) -> None:
        """Start a look, at `now` by the monotonic clock."""
        gap = round(now - self.now, 6) if self._started else 0.0
        self.away = gap if gap > self._longest else 0.0
        self.dt = gap if 0 < gap <= self._longest else None
        self._before = {} if self.dt is None else self._current
        self._current = {}
        self._started, self.now = True, now

    def rise(self, counter: str, value: float) -> float | None:
        """Return what `counter`, which now stands at `value`, has risen by since the look before, if that is known."""
        before = self._before.get(counter)
        self._current[counter] = value
        return None if before is None or value < before else value - before
