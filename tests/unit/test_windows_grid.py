"""Windows lie on the time line without gaps, whatever their size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.windows.grid import Grid, microseconds
from processors.windows.settings import WindowsSettings
from virtpulse.errors import UsageError
from virtpulse.messages.bounds import MAX_TIME
from virtpulse.units import Duration

SPANS = st.one_of(st.integers(10_000, 10**8), st.sampled_from([10_000, 50_000, 100_000, 300_000, 1_001_000, 86_400_000_000]))
TIMES = st.one_of(st.floats(0, MAX_TIME), st.floats(1.7e9, 1.8e9), st.integers(0, 2 * 10**10).map(lambda tenths: tenths / 10))


@given(size=SPANS, time=TIMES)
def test_every_moment_lies_in_exactly_one_tumbling_window(size: int, time: float) -> None:
    grid = Grid(size, size, 0.0)
    (window,) = grid.last_window(np.array([time])).tolist()
    assert grid.start(window) <= time < grid.end(window)
    assert grid.end(window) == grid.start(window + 1)


@given(hop=SPANS, longer=st.floats(1, 50), time=TIMES)
def test_every_moment_lies_in_all_the_windows_that_hold_it(hop: int, longer: float, time: float) -> None:
    grid = Grid(round(hop * longer), hop, 0.0)
    (last,) = grid.last_window(np.array([time])).tolist()
    assert grid.start(last) <= time < grid.start(last + 1)
    first = last - grid.overlapping
    assert grid.end(first) <= time
    assert time < grid.end(last)


@given(size=SPANS, hop=SPANS, time=TIMES)
def test_bounds_are_the_same_one_by_one_and_in_arrays(size: int, hop: int, time: float) -> None:
    grid = Grid(size, hop, 0.0)
    window = int(time * 1e6 / hop)
    assert grid.starts(np.array([window])).tolist() == [grid.start(window)]
    assert grid.ends(np.array([window])).tolist() == [grid.end(window)]


@pytest.mark.parametrize("text", ["100ms", "10001us", "1.001s", "0.3s", "10000us", "1m30s"])
def test_what_people_write_becomes_whole_microseconds(text: str) -> None:
    size = WindowsSettings(size=Duration.parse(text)).size
    assert microseconds(size) == pytest.approx(size * 1e6, rel=1e-12)


def test_a_fraction_of_a_microsecond_is_refused() -> None:
    with pytest.raises(UsageError, match=r"processors\.windows\.hop must be a whole number of microseconds"):
        WindowsSettings(size=Duration(1), hop=Duration(1 / 3))


@pytest.mark.parametrize("seconds", [0.0, 0.001, 367 * 86_400.0, 1e300, float("inf")])
def test_a_size_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"processors\.windows\.size must be from 10ms to 366d"):
        WindowsSettings(size=Duration(seconds))
