"""From an open window's cells to its aggregate."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import orjson

from processors.windows.columns import runs
from processors.windows.grid import Grid
from processors.windows.openwindows import OpenWindows
from processors.windows.rows import Floats
from processors.windows.shapes import Ints, Shape, Shapes
from processors.windows.skeleton import FIGURES
from processors.windows.views import Views
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Outgoing

_TOGETHER: Final = 64  # windows whose numbers are taken out at once: so many fit into a cache


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
        figures = self._figures(runs(self._open.base[chosen], sizes), layouts)
        columns = (self._open.view, self._open.window, self._open.samples, self._open.repeated)
        plain = zip(numbers, late, layouts, *(column[chosen].tolist() for column in columns), strict=True)
        first = 0
        for number, too_late, layout, view_number, window, samples, repeated in plain:
            view = self._views[view_number]
            head = {
                "source": view.source,
                **({"view": view.view} if view.view else {}),
                "start": self._grid.start(window),
                "end": self._grid.end(window),
                "samples": samples,
                "late": too_late,
                "repeated": repeated,
            }
            maps = layout.skeleton.filled(figures[first : first + FIGURES * layout.size])
            first += FIGURES * layout.size
            facts = orjson.dumps(self._open.facts[number])
            value = b'%b,%b,"facts":%b}' % (orjson.dumps(head)[:-1], maps, facts)
            yield Outgoing(AGGREGATES, view.host, value, self._partition)

    def _figures(self, cell: Ints, layouts: list[Shape]) -> list[bytes]:
        """Return the figures of cells as JSON, FIGURES of each."""
        cells = self._open.cells
        part, whole = cells.part[cell], cells.whole[cell]
        factor = np.concatenate([layout.factor for layout in layouts])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = factor * np.where(cells.unknown[cell] | (whole <= 0), np.nan, part / whole)
            columns = (part, whole, share, *(factor * column[cell] for column in (cells.low, cells.high, cells.latest)))
        amounts = _written(np.stack(columns, axis=1).ravel())
        figures = [b""] * (FIGURES * len(cell))
        for place in range(len(columns)):
            figures[place::FIGURES] = amounts[place :: len(columns)]
        figures[len(columns) :: FIGURES] = _written(cells.count[cell].astype(np.int64))
        return figures


def _written(numbers: Floats | Ints) -> list[bytes]:
    """Return each number as JSON; null for what is not a number or infinite."""
    return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",") if len(numbers) else []
