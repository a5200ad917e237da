"""Adding rows to the windows that they count in."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from processors.windows.columns import runs
from processors.windows.grid import Grid
from processors.windows.judge import Verdict
from processors.windows.openwindows import OpenWindows
from processors.windows.rows import Rows
from processors.windows.shapes import Column, Ints, Shapes
from processors.windows.views import Views
from virtpulse.messages.bounds import MAX_WINDOW_METRICS


class Counting:
    """Adds rows to open windows, opening them as needed."""

    def __init__(self, grid: Grid, views: Views, shapes: Shapes, windows: OpenWindows) -> None:
        self._grid = grid
        self._views = views
        self._shapes = shapes
        self._open = windows

    def count(self, rows: Rows, verdict: Verdict, position: Ints) -> list[int]:
        """Add rows to each of their windows; `position` is that of each row's message.

        Returns the rows that are not counted in all of them, because some have no room for their metrics.
        """
        row, depth = np.nonzero(verdict.counted)
        if not len(row):
            self._count_repeats(rows, verdict)
            return []
        numbers = self._numbers(rows, row, verdict.windows[row, depth], position)
        fits = self._widen(rows, row, numbers)
        refused: list[int] = np.unique(row[~fits]).tolist()
        if refused:
            row, numbers = row[fits], numbers[fits]
        np.add.at(self._open.samples, numbers, 1)
        self._count_repeats(rows, verdict)
        self._merge_facts(rows, row, numbers)
        self._add_pairs(rows, row, numbers)
        return refused

    def _numbers(self, rows: Rows, row: Ints, windows: Ints, position: Ints) -> Ints:
        """Return the number of the open window for each pair of a row and a window."""
        distinct, which = np.unique(windows, return_inverse=True)
        key = rows.view[row] * len(distinct) + which
        keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        found = np.empty(len(keys), np.int64)
        window_list = distinct.tolist()
        by_window = [self._open.by_window.get(window, {}) for window in window_list]
        for place, pair in enumerate(keys.tolist()):
            view_number, index = divmod(pair, len(window_list))
            number = by_window[index].get(view_number)
            if number is None:
                opener = int(row[first[place]])
                window = window_list[index]
                layout = self._shapes.by_number[rows.shape[opener]]
                number = self._open.open(self._views[view_number], window, self._grid.end(window), int(position[opener]), layout)
            found[place] = number
        return found[inverse]

    def _count_repeats(self, rows: Rows, verdict: Verdict) -> None:
        row, depth = np.nonzero(verdict.again)
        for view, window in zip(rows.view[row].tolist(), verdict.windows[row, depth].tolist(), strict=True):
            number = self._open.by_window.get(window, {}).get(view)
            if number is not None:
                self._open.repeated[number] += 1

    def _merge_facts(self, rows: Rows, row: Ints, numbers: Ints) -> None:
        identity = rows.identity[row]
        differs = (identity != self._open.facts_identity[numbers]) & (identity >= 0)
        if not differs.any():
            return
        of_those = np.isin(numbers, numbers[differs])
        for one, number in zip(row[of_those].tolist(), numbers[of_those].tolist(), strict=True):
            self._open.add_facts(number, rows.facts[one])

    def _add_pairs(self, rows: Rows, row: Ints, numbers: Ints) -> None:
        shape, sizes = rows.shape[row], rows.size[row]
        starts = np.cumsum(sizes) - sizes
        cell = runs(self._open.base[numbers], sizes)
        for pair in np.flatnonzero(self._open.layout[numbers] != shape).tolist():
            cells = self._open.cells_of(int(numbers[pair]), int(shape[pair]))
            if cells is not None:  # which it is for every pair that fits
                cell[starts[pair] : starts[pair] + sizes[pair]] = cells
        part, whole = rows.part, rows.whole
        if len(row) != len(rows) or (row[1:] == row[:-1]).any():
            source = runs(rows.first[row], sizes)
            part, whole = part[source], whole[source]
        self._open.cells.add(cell, part, whole)

    def _widen(self, rows: Rows, row: Ints, numbers: Ints) -> npt.NDArray[np.bool_]:
        """Make room in the windows for metrics that they lack; return which pairs of a row and a window find room.

        Each window decides for itself, in the order of the log, by the samples that it holds: neither how messages were cut
        into batches shows, nor from where the log was replayed.
        """
        shape = rows.shape[row]
        fits = np.ones(len(row), np.bool_)
        columns: dict[int, set[Column]] = {}
        for pair in np.flatnonzero(self._open.layout[numbers] != shape).tolist():
            number, more = int(numbers[pair]), self._shapes.by_number[shape[pair]]
            if self._open.cells_of(number, more.number) is not None:
                continue
            wider = self._columns(number, columns).union(more.columns)
            if len(wider) <= MAX_WINDOW_METRICS:
                columns[number] = wider
            else:
                fits[pair] = False
        for number, wanted in columns.items():
            self._open.widen(number, wanted)
        return fits

    def _columns(self, number: int, wider: Mapping[int, set[Column]]) -> set[Column]:
        return wider.get(number) or set(self._shapes.by_number[self._open.layout[number]].columns)
