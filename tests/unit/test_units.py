"""Durations and sizes, as people write them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtpulse.units import Duration, Size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1m30s", 90), ("250ms", 0.25), ("2h", 7200), ("1.5d", 129_600), (" 1 m 5 s ", 65)]
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1x", "1s1", "1,5s", "1s.", "nan s", "inf", "1 s x", "9" * 400 + "s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        Duration.parse(text)


@pytest.mark.parametrize(("text", "count"), [("512B", 512), ("64MiB", 64 << 20), ("1GB", 10**9), ("1.5kB", 1500)])
def test_a_size_is_a_number_of_bytes(text: str, count: int) -> None:
    assert Size.parse(text) == count


@pytest.mark.parametrize("text", ["", "5", "MiB", "-1B", "1mb", "9" * 400 + "GB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as"):
        Size.parse(text)


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_a_duration_written_out_reads_back_the_same(seconds: float) -> None:
    assert Duration.parse(Duration(seconds).text()) == seconds


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=2**53))
def test_a_size_written_out_reads_back_the_same(count: int) -> None:
    assert Size.parse(Size(count).text()) == count


@pytest.mark.parametrize(("seconds", "text"), [(600, "10m"), (0.25, "250ms"), (604_800, "1w"), (0, "0s"), (90, "90s")])
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert Duration(seconds).text() == text


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Duration, Size):
        try:
            value = kind.parse(text)
        except ValueError:
            continue
        assert math.isfinite(value)
        assert value >= 0
