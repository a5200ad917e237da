"""How the width of the terminal is shared among the columns of the live table."""

from typing import Final, NamedTuple

from sinks.row import HISTORY

_GAP: Final = 2
_FAMILY: Final = 1
_FIGURE: Final = 10
_EXTENT: Final = 15
_LEAST_NAME: Final = 12
_LEAST_SPARK: Final = 6
_BAR: Final = 10


class Columns(NamedTuple):
    """Widths in cells; a column of width 0 is not shown."""

    source: int
    key: int
    family: int
    bar: int
    figure: int
    extent: int
    spark: int


def share(width: int, longest_source: int, longest_key: int) -> Columns:
    """Return columns that, with the gaps between them, fill at most `width`.

    As it gets narrow the sparkline shrinks first, then the names, then bar and extent go; the figure stays longest.
    """
    source = min(longest_source, max(_LEAST_NAME, width // 6))
    key = min(longest_key, max(_LEAST_NAME * 2, width * 2 // 5))
    for bar, extent in ((_BAR, _EXTENT), (_BAR // 2, _EXTENT), (_BAR // 2, 0), (0, 0)):
        rest = width - sum(column + _GAP for column in (source, key, _FAMILY, bar, _FIGURE, extent) if column)
        if rest >= _LEAST_SPARK:
            return Columns(source, key, _FAMILY, bar, _FIGURE, extent, min(rest, HISTORY))
    rest = width - (_FAMILY + _FIGURE + 2 * _GAP)
    key = max(0, min(longest_key, rest))
    source = max(0, min(longest_source, rest - key - _GAP))
    return Columns(source, key, _FAMILY, 0, _FIGURE, 0, 0)
