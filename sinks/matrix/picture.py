"""The picture of a chart: the line, the threshold, and the time in which the alert fired."""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from sinks.matrix.answer import Chart

WIDTH: Final = 720  # pixels
HEIGHT: Final = 300

_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 34, WIDTH - 16, HEIGHT - 30
_PAPER: Final = "#ffffff"
_INK: Final = "#24292f"
_GRID: Final = "#e3e6ea"
_LINE: Final = "#0b62c4"
_LIMIT: Final = "#b42318"
_FIRING: Final = "#fde3df"
_DASH: Final = 6
_LINES: Final = 4  # of the grid, at least; moments below it, at most one more
_STEPS: Final = (5.0, 2.5, 2.0, 1.0)  # between two lines of the grid, times a power of ten
_LABEL: Final = 11  # pixels
_HEADROOM: Final = 0.08
_GAP: Final = 1.5  # windows; a longer time between two ends is drawn as a gap


class _Scale(NamedTuple):
    """From times and figures to pixels."""

    start: float
    end: float
    low: float
    high: float

    def x(self, time: float) -> float:
        return _LEFT + (min(max(time, self.start), self.end) - self.start) / (self.end - self.start) * (_RIGHT - _LEFT)

    def y(self, figure: float) -> float:
        return _BOTTOM - (figure - self.low) / (self.high - self.low) * (_BOTTOM - _TOP)


def draw(chart: Chart) -> bytes:
    """Return the chart as a PNG of 720 x 300 pixels. It may take some 30 ms."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    canvas = ImageDraw.Draw(image)
    scale = _scale(chart)
    _draw_firing(canvas, chart, scale)
    _draw_grid(canvas, chart, scale)
    if chart.threshold is not None:
        _draw_threshold(canvas, scale.y(chart.threshold))
    runs = _runs(chart)
    for run in runs:
        _draw_run(canvas, [(scale.x(time), scale.y(figure)) for time, figure in run])
    if runs:
        _draw_dot(canvas, scale.x(runs[-1][-1][0]), scale.y(runs[-1][-1][1]))
    canvas.text((_LEFT, 8), chart.title, fill=_INK, font=_font(_LABEL + 3))
    canvas.text((_RIGHT, _TOP - 8), "UTC", fill=_INK, font=_font(_LABEL), anchor="rb")
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _scale(chart: Chart) -> _Scale:
    known = [figure for figure in chart.figures if math.isfinite(figure)]
    limits = [] if chart.threshold is None else [chart.threshold]
    high = max([*known, *limits, 1e-9])
    low = min([*known, *limits, 0.0])
    start, end = chart.times[0] - chart.size, chart.times[-1]
    return _Scale(start, max(end, start + 1e-3), low, high + (high - low) * _HEADROOM)


def _draw_firing(canvas: ImageDraw.ImageDraw, chart: Chart, scale: _Scale) -> None:
    if chart.fired is None or chart.fired > scale.end:
        return
    end = scale.end if chart.resolved is None else chart.resolved
    if end >= scale.start:
        canvas.rectangle((scale.x(chart.fired), _TOP, scale.x(end), _BOTTOM), fill=_FIRING)


def _draw_grid(canvas: ImageDraw.ImageDraw, chart: Chart, scale: _Scale) -> None:
    font = _font(_LABEL)
    for figure in _round_figures(scale.low, scale.high):
        y = scale.y(figure)
        canvas.line((_LEFT, y, _RIGHT, y), fill=_GRID)
        canvas.text((_LEFT - 6, y), chart.written(figure), fill=_INK, font=font, anchor="rm")
    for step in range(_LINES + 1):
        time = scale.start + (scale.end - scale.start) * step / _LINES
        anchor = "lt" if step == 0 else "rt" if step == _LINES else "mt"
        canvas.text((scale.x(time), _BOTTOM + 8), _clock(time), fill=_INK, font=font, anchor=anchor)


def _draw_threshold(canvas: ImageDraw.ImageDraw, y: float) -> None:
    for x in range(_LEFT, _RIGHT, 2 * _DASH):
        canvas.line((x, y, min(x + _DASH, _RIGHT), y), fill=_LIMIT, width=2)


def _draw_run(canvas: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]]) -> None:
    if len(points) > 1:
        canvas.line([*points], fill=_LINE, width=2, joint="curve")
    else:
        _draw_dot(canvas, *points[0])


def _draw_dot(canvas: ImageDraw.ImageDraw, x: float, y: float) -> None:
    canvas.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_LINE)


def _runs(chart: Chart) -> list[list[tuple[float, float]]]:
    """Return the points in runs without gaps."""
    runs: list[list[tuple[float, float]]] = []
    before: float | None = None
    for time, figure in zip(chart.times, chart.figures, strict=True):
        if not math.isfinite(figure):
            before = None
            continue
        if before is None or time - before > _GAP * chart.size:
            runs.append([])
        runs[-1].append((time, figure))
        before = time
    return runs


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _round_figures(low: float, high: float) -> list[float]:
    """Return round figures between the two, at least four of them."""
    power = 10.0 ** math.floor(math.log10(high - low))
    steps = (factor * power / down for down in (1, 10) for factor in _STEPS)
    step = next((step for step in steps if (high - low) / step >= _LINES), (high - low) / _LINES)
    return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
