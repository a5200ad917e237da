"""From an open window's cells to its aggregate."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import orjson

from processors.windows.judge import Grid
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
        starts = np.cumsum(sizes) - sizes
        cells = self._cells(np.repeat(self._open.base[chosen] - starts, sizes) + np.arange(int(sizes.sum())), layouts)
        for number, count, layout in zip(numbers, late, layouts, strict=True):
            yield self._aggregate(number, count, layout, cells)

    def _cells(self, cell: Ints, layouts: list[Shape]) -> Iterator[_Cell]:
        cells = self._open.cells
        part, whole = cells.part[cell], cells.whole[cell]
        factor = np.concatenate([layout.factor for layout in layouts])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = factor * np.where(cells.unknown[cell] | (whole <= 0), np.nan, part / whole)
            columns = (part, whole, share, *(factor * column[cell] for column in (cells.low, cells.high, cells.latest)))
        return zip(*(column.tolist() for column in columns), cells.count[cell].astype(np.int64).tolist(), strict=True)

    def _aggregate(self, number: int, late: int, layout: Shape, cells: Iterator[_Cell]) -> Outgoing:
        window = int(self._open.window[number])
        view = self._views[int(self._open.view[number])]
        resources, performance, faults = (_ratios(keys, cells) for keys in layout.keys[:3])
        document: dict[str, Any] = {"source": view.source}
        if view.view:
            document["view"] = view.view
        document |= {
            "start": window * self._grid.step,
            "end": self._grid.end(window),
            "samples": int(self._open.samples[number]),
            "late": late,
            "repeated": int(self._open.repeated[number]),
            "resources": resources,
            "performance": performance,
            "faults": faults,
            "timings": _timings(layout.keys[3], cells),
            "facts": self._open.facts[number],
        }
        return Outgoing(AGGREGATES, view.host, orjson.dumps(document), self._partition)


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
