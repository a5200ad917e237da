"""From an open window's cells to its aggregate."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import orjson

from processors.windows.columns import runs
from processors.windows.grid import Grid
from processors.windows.openwindows import OpenWindows
from processors.windows.shapes import Ints, Shape, Shapes
from processors.windows.views import Views
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Outgoing

_TOGETHER: Final = 64  # windows whose numbers are taken out at once: so many fit into a cache
_Cell = tuple[float, float, float, float, float, float, int]


class Emitter:
    """Writes aggregates. A number that is not known is NaN or infinite until here; in JSON it becomes null."""

    def __init__(self, grid: Grid, views: Views, shapes: Shapes, windows: OpenWindows, partition: int) -> None:
        self._grid = grid
        self._views = views
        self._shapes = shapes
        self._open = windows
        self._partition = partition

    def aggregates(self, numbers: list[int], late: list[int]) -> Iterator[Outgoing]:
        """Yield the aggregate of each window, with its number of late samples. The windows stay open."""
        for start in range(0, len(numbers), _TOGETHER):
            yield from self._together(numbers[start : start + _TOGETHER], late[start : start + _TOGETHER])

    def _together(self, numbers: list[int], late: list[int]) -> Iterator[Outgoing]:
        chosen = np.array(numbers, np.int64)
        layouts = [self._shapes.by_number[layout] for layout in self._open.layout[chosen].tolist()]
        sizes = self._shapes.sizes[self._open.layout[chosen]]
        cells = self._cells(runs(self._open.base[chosen], sizes), layouts)
        columns = (self._open.view, self._open.window, self._open.samples, self._open.repeated)
        plain = zip(numbers, late, layouts, *(column[chosen].tolist() for column in columns), strict=True)
        for number, too_late, layout, view_number, window, samples, repeated in plain:
            view = self._views[view_number]
            document = {
                "source": view.source,
                **({"view": view.view} if view.view else {}),
                "start": self._grid.start(window),
                "end": self._grid.end(window),
                "samples": samples,
                "late": too_late,
                "repeated": repeated,
                "resources": _ratios(layout.keys[0], cells),
                "performance": _ratios(layout.keys[1], cells),
                "faults": _ratios(layout.keys[2], cells),
                "timings": _timings(layout.keys[3], cells),
                "facts": self._open.facts[number],
            }
            yield Outgoing(AGGREGATES, view.host, orjson.dumps(document), self._partition)

    def _cells(self, cell: Ints, layouts: list[Shape]) -> Iterator[_Cell]:
        cells = self._open.cells
        part, whole = cells.part[cell], cells.whole[cell]
        factor = np.concatenate([layout.factor for layout in layouts])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = factor * np.where(cells.unknown[cell] | (whole <= 0), np.nan, part / whole)
            columns = (part, whole, share, *(factor * column[cell] for column in (cells.low, cells.high, cells.latest)))
        return zip(*(column.tolist() for column in columns), cells.count[cell].astype(np.int64).tolist(), strict=True)


def _ratios(keys: list[str], cells: Iterator[_Cell]) -> dict[str, dict[str, float]]:
    """Take as many cells as there are keys; the keys come first in the zip, so that none is taken too many."""
    return {
        key: {"part": part, "whole": whole, "ratio": share, "min": low, "max": high, "last": latest, "count": count}
        for key, (part, whole, share, low, high, latest, count) in zip(keys, cells, strict=False)
    }


def _timings(keys: list[str], cells: Iterator[_Cell]) -> dict[str, dict[str, float]]:
    return {
        key: {"seconds": part, "operations": whole, "mean": share, "min": low, "max": high, "last": latest, "count": count}
        for key, (part, whole, share, low, high, latest, count) in zip(keys, cells, strict=False)
    }
