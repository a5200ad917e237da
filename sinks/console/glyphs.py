"""Numbers as small pictures: sparklines and bars."""

import math
from collections.abc import Sequence
from typing import Final

from sinks.severity import Family

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_FULL: Final = "━"
_HALF: Final = "╸"
_REST: Final = "─"
_MIDDLE: Final = 3.5 / len(_BLOCKS)  # well inside the fourth block, so that what stays the same doesn't flicker between two
_LEAST_SPAN: Final = {Family.RESOURCE: 10.0, Family.PERFORMANCE: 10.0, Family.FAULT: 1.0, Family.TIMING: 0.0}


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return a character for each value, a space for NaN; `low` and below is the lowest block, `high` and above the tallest."""
    span = high - low
    return "".join(" " if math.isnan(value) else _BLOCKS[_step(value - low, span)] for value in values)


def scale(family: Family, values: Sequence[float], *, percent: bool) -> tuple[float, float]:
    """Return the values that a sparkline's lowest and tallest block stand for.

    Percentages of use and performance get the span they vary over, but ten points at least, so that neither 40.1 %
    against 40.2 % looks like a storm nor 2 % against 6 % like nothing; faults and amounts start at zero.
    """
    known = [value for value in values if not math.isnan(value)]
    least = _LEAST_SPAN[family] if percent else 0.0
    if not known:
        return 0.0, max(least, 1.0)
    low, high = min(known), max(known)
    if not percent or family is Family.FAULT:
        return 0.0, max(high, least) or 1.0
    if high - low < least:
        low = max(0.0, min((low + high) / 2 - least * _MIDDLE, 100.0 - least))
        high = max(high, low + least)
    return low, high


def bar(ratio: float, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a bar for a ratio in percent, together `width` characters."""
    halves = round(min(max(ratio, 0.0), 100.0) / 100.0 * width * 2)
    if ratio > 0:
        halves = max(halves, 1)
    filled = _FULL * (halves // 2) + _HALF * (halves % 2)
    return filled, _REST * (width - len(filled))


def _step(height: float, span: float) -> int:
    part = height / span if span > 0 else 0.0
    return min(max(int(part * len(_BLOCKS)), 0), len(_BLOCKS) - 1)
