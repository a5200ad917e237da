"""The picture of an alert's metric."""

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sinks.matrix.answer import Chart
from sinks.matrix.picture import draw
from virtpulse.wording import percent

START = 1_795_000_000.0
LINE, LIMIT, FIRING = (11, 98, 196), (180, 35, 24), (253, 227, 223)


def chart(figures: list[float], **rest: float | None) -> Chart:
    times = [START + 10 * index for index in range(len(figures))]
    return Chart("kvm-07/web-3 vm.cpu.utilization", times, figures, 10.0, percent, **rest)


def colours(picture: bytes) -> dict[tuple[int, ...], int]:
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (720, 300), "RGB")
        counted = image.getcolors(maxcolors=1 << 20)
    assert counted is not None
    return {colour: count for count, colour in counted if isinstance(colour, tuple)}


def test_it_is_a_small_png_with_the_line_the_threshold_and_the_time_in_which_it_fired() -> None:
    picture = draw(chart([50.0 + index for index in range(60)], threshold=90.0, fired=START + 400))
    found = colours(picture)
    assert len(picture) < 30_000
    assert min(found[LINE], found[LIMIT]) > 200
    third = 654 * 190 / 600 * 236
    assert 0.8 * third < found[FIRING] < 1.1 * third


def test_without_a_threshold_and_before_it_fired_there_is_the_line_alone() -> None:
    found = colours(draw(chart([1.0, 2.0, 3.0])))
    assert LINE in found
    assert LIMIT not in found
    assert FIRING not in found


def test_what_was_resolved_before_the_first_window_is_not_shown() -> None:
    assert FIRING not in colours(draw(chart([1.0, 2.0], fired=START - 500, resolved=START - 400)))


def test_a_time_without_windows_is_a_gap() -> None:
    whole = colours(draw(chart([50.0] * 30)))
    torn = colours(draw(chart([50.0] * 10 + [math.nan] * 10 + [50.0] * 10)))
    assert torn[LINE] < 0.8 * whole[LINE]


@pytest.mark.parametrize("figures", [[math.nan], [0.0], [0.0, 0.0], [math.nan, 5.0, math.nan]])
def test_few_windows_make_a_picture_too(figures: list[float]) -> None:
    assert colours(draw(chart(figures)))


@settings(max_examples=25)
@given(
    st.lists(st.floats(min_value=0, max_value=1e300) | st.just(math.nan), min_size=1, max_size=20),
    st.none() | st.floats(min_value=-1e300, max_value=1e300),
    st.none() | st.floats(min_value=0, max_value=2e11),
)
def test_whatever_the_figures_are_there_is_a_picture(figures: list[float], threshold: float | None, fired: float | None) -> None:
    assert draw(chart(figures, threshold=threshold, fired=fired)).startswith(b"\x89PNG")
