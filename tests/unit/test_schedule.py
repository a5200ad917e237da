"""The steady schedule."""

from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtpulse.runtime.schedule import ticks


class SteppedClock:
    """A clock that moves only when somebody sleeps or works; each sleep takes `late` seconds too long, once."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.late = 0.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now + 1.7e9

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        assert seconds >= 0
        self.now += seconds + self.late
        self.late = 0.0


async def tick_times(interval: float, work: list[float]) -> list[tuple[float, int]]:
    """Return when ticks came, from the first on, and how many were skipped before each, while each one's work takes that long."""
    clock = SteppedClock()
    times: list[tuple[float, int]] = []
    async with aclosing(ticks(interval, clock)) as schedule:
        for seconds in work:
            skipped = await anext(schedule)
            times.append((clock.now - 1_000, skipped))
            clock.now += seconds
    return times


async def test_the_first_tick_comes_at_once_and_the_others_on_the_grid_whatever_the_work_takes() -> None:
    assert await tick_times(1.0, [0.3, 0.9, 0.0, 0.5]) == [(0, 0), (1, 0), (2, 0), (3, 0)]


async def test_ticks_do_not_drift_over_ten_thousand_intervals() -> None:
    times = await tick_times(0.1, [0.013] * 10_000)
    assert times[-1][0] == pytest.approx(999.9, abs=1e-6)
    assert not any(skipped for _, skipped in times)


async def test_ticks_missed_by_long_work_are_skipped_and_counted_and_the_grid_is_kept() -> None:
    assert await tick_times(1.0, [3.4, 0.1, 0.1]) == [(0, 0), (4, 3), (5, 0)]


async def test_a_wake_up_far_too_late_gives_one_tick_and_no_burst() -> None:
    clock = SteppedClock()
    async with aclosing(ticks(1.0, clock)) as schedule:
        await anext(schedule)
        clock.late = 7.5  # the machine was suspended while we slept
        assert (await anext(schedule), clock.now) == (0, 1_008.5)
        assert (await anext(schedule), clock.now) == (7, 1_009.0)
        assert (await anext(schedule), clock.now) == (0, 1_010.0)


@given(st.floats(0.01, 100), st.lists(st.floats(0, 500), min_size=2, max_size=30))
async def test_no_two_ticks_are_closer_than_the_grid_and_every_tick_is_counted(interval: float, work: list[float]) -> None:
    times = await tick_times(interval, work)
    for (before, _), (after, skipped) in pairwise(times):
        assert after - before == pytest.approx((skipped + 1) * interval, rel=1e-6, abs=1e-6)
