"""Glyphs, wording, severity and columns: what a row is made of."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.console.columns import share
from sinks.console.glyphs import bar, scale, sparkline
from sinks.severity import Family, Level, badness, level
from virtpulse.printable import printable
from virtpulse.wording import amount, duration, number, percent, span

BLOCKS = "▁▂▃▄▅▆▇█"
FIGURES = st.floats(min_value=0, max_value=1e12)
RATIOS = st.floats(min_value=0, max_value=1e6)
RATIO_FAMILIES = st.sampled_from([Family.RESOURCE, Family.PERFORMANCE, Family.FAULT])


@given(st.lists(FIGURES | st.just(math.nan), max_size=80), st.sampled_from(list(Family)), st.booleans())
def test_a_sparkline_has_a_block_for_each_value_and_a_space_for_each_gap(
    values: list[float],
    family: Family,
    percentages: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    drawn = sparkline(values, *scale(family, values, percent=percentages))
    assert len(drawn) == len(values)
    for value, block in zip(values, drawn, strict=True):
        assert block == " " if math.isnan(value) else block in BLOCKS


@given(st.lists(FIGURES, min_size=2, max_size=60), st.sampled_from(list(Family)), st.booleans())
def test_a_larger_value_never_has_a_smaller_block(
    values: list[float],
    family: Family,
    percentages: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    drawn = sparkline(values, *scale(family, values, percent=percentages))
    ordered = [BLOCKS.index(block) for _, block in sorted(zip(values, drawn, strict=True))]
    assert ordered == sorted(ordered)


def test_a_ratio_that_hardly_varies_looks_flat_and_one_that_does_uses_all_blocks() -> None:
    calm = [40.1, 40.2, 40.15]
    assert len(set(sparkline(calm, *scale(Family.RESOURCE, calm, percent=True)))) == 1
    wild = [5.0, 95.0]
    assert sparkline(wild, *scale(Family.RESOURCE, wild, percent=True)) == "▁█"


@given(RATIOS, st.integers(min_value=1, max_value=40))
def test_a_bar_is_as_wide_as_asked_and_shows_whatever_is_not_zero(ratio: float, width: int) -> None:
    filled, rest = bar(ratio, width)
    assert len(filled) + len(rest) == width
    assert bool(filled) == (ratio > 0)


@given(RATIO_FAMILIES, RATIOS, RATIOS)
def test_badness_grows_with_use_and_faults_and_falls_with_performance(family: Family, one: float, other: float) -> None:
    low, high = sorted((one, other))
    worse, better = (low, high) if family is Family.PERFORMANCE else (high, low)
    assert 0 <= badness(family, "x.y", better) <= badness(family, "x.y", worse) <= 3


@pytest.mark.parametrize(
    ("family", "key", "ratio", "expected"),
    [
        (Family.RESOURCE, "system.cpu.utilization", 79, Level.NORMAL),
        (Family.RESOURCE, "system.cpu.utilization", 80, Level.WARNING),
        (Family.RESOURCE, "system.cpu.utilization", 96, Level.CRITICAL),
        (Family.RESOURCE, "system.cpu.utilization@steal", 21, Level.CRITICAL),
        (Family.RESOURCE, "system.pressure@io.full", 25, Level.WARNING),
        (Family.PERFORMANCE, "device.output", 100, Level.NORMAL),
        (Family.PERFORMANCE, "device.output", 40, Level.WARNING),
        (Family.PERFORMANCE, "device.output", 0, Level.CRITICAL),
        (Family.PERFORMANCE, "system.cpu.frequency", 18, Level.NORMAL),
        (Family.FAULT, "system.network.errors@eth0.receive", 0.1, Level.NORMAL),
        (Family.FAULT, "system.network.errors@eth0.receive", 6, Level.CRITICAL),
        (Family.FAULT, "system.memory.oom_kills", 0.001, Level.CRITICAL),
    ],
)
def test_the_level_follows_the_family_and_the_metrics_with_a_scale_of_their_own(
    family: Family, key: str, ratio: float, expected: Level
) -> None:
    assert level(badness(family, key, ratio)) is expected


@given(st.text())
def test_printable_text_holds_nothing_that_a_terminal_could_obey(text: str) -> None:
    assert printable(text).isprintable()


@given(st.floats(min_value=0, max_value=1e300))
def test_a_number_is_short_and_only_zero_looks_like_zero(value: float) -> None:
    assert len(number(value)) <= 6
    assert (number(value) == "0") == (value == 0)


@given(st.floats(min_value=0, max_value=1e300))
def test_amounts_and_durations_stay_short(value: float) -> None:
    assert len(amount("a.io", value)) <= 13
    assert len(duration(value)) <= 10


def test_figures_read_as_people_write_them() -> None:
    assert [percent(value) for value in (41.26, 100.0, 0.0123, 0.0001, None)] == ["41.3 %", "100 %", "0.012 %", "<0.001 %", "–"]  # noqa: RUF001 the sign that the table shows
    assert [duration(value) for value in (0.00082, 0.0032, 1.4, 0, 2e-9)] == ["820 µs", "3.2 ms", "1.4 s", "0 s", "2 ns"]
    assert amount("system.disk.io@vda.read", 1_258_291.0) == "1.2 MiB/s"
    assert amount("vm.disk.operations@vda", 35_000.0) == "35 k/s"
    assert amount("system.cpu.frequency", 4.6e9) == "4.6 GHz"
    assert span(1.0, 2.0, timing=False) == "1.0–2.0"  # noqa: RUF001 the sign that the table shows
    assert not span(None, 2.0, timing=True)


@given(st.integers(min_value=0, max_value=400), st.integers(min_value=1, max_value=300), st.integers(min_value=1, max_value=300))
def test_the_columns_fit_the_width_and_the_figure_stays(width: int, source: int, key: int) -> None:
    columns = share(width, source, key)
    shown = [column for column in columns if column]
    assert columns.figure
    assert sum(shown) + 2 * (len(shown) - 1) <= max(width, 15)
    assert columns.spark <= 60
