"""Which windows each sample belongs to, which of them it misses, and whether it has been there before.

Everything is decided for each row by the rows of its own view before it, so that how messages were cut into batches
never shows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.windows.columns import heads
from processors.windows.grid import Grid
from processors.windows.rows import Floats, Rows
from processors.windows.shapes import Ints, Shapes
from processors.windows.views import Views

Bools = npt.NDArray[np.bool_]

_RANDOM: Final = np.random.default_rng()  # seeded by the system: whoever sends can't make two samples look the same
_FACTORS: Final = _RANDOM.integers(1 << 62, 1 << 63, size=1 << 13, dtype=np.uint64) | np.uint64(1)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT: Final = np.uint64(32)


@dataclass(slots=True)
class Verdict:
    """What was decided of rows.

    order: the rows, sorted by view, in the order of the log within each. reached: for each place in `order`, the view's
    newest event time once that row was seen. segments: where in `order` each view starts; views: which view that is.
    windows: (rows, depth) numbers. counted, missed: (rows, depth) whether the row counts in that window, or came too
    late for it. again: whether it repeats one that counts in that window.
    """

    order: Ints
    reached: Floats
    segments: Ints
    views: Ints
    windows: Ints
    counted: Bools
    missed: Bools
    again: Bools


class Judge:
    """Decides; keeps the identities of the samples that open windows hold."""

    def __init__(self, grid: Grid, views: Views, shapes: Shapes) -> None:
        self._grid = grid
        self._views = views
        self._shapes = shapes
        self._seen: dict[int, set[int]] = {}

    def judge(self, rows: Rows) -> Verdict:
        """Decide for every row, and remember the rows that count."""
        order = np.argsort(rows.view, kind="stable")
        view = rows.view[order]
        first = heads(view)
        segments = np.flatnonzero(first)
        before, reached = self._running_newest(rows.time[order], view, first)
        closed_before = np.empty_like(before)
        closed_before[order] = np.maximum(before - self._grid.lateness, self._views.closed_until[view])
        newest_before = np.empty_like(before)
        newest_before[order] = before

        last = self._grid.last_window(rows.time)
        windows = last[:, None] - np.arange(self._grid.overlapping)
        ends = self._grid.ends(windows)
        holds = rows.time[:, None] < ends
        closed = ends <= closed_before[:, None]
        repeated = self._repeats(rows, last, ~closed[:, 0], rows.time <= newest_before)
        fresh = ~repeated[:, None]
        return Verdict(
            order=order,
            reached=reached,
            segments=segments,
            views=view[segments],
            windows=windows,
            counted=holds & ~closed & fresh,
            missed=holds & closed & fresh,
            again=holds & ~closed & ~fresh,
        )

    def forget(self, window: int) -> None:
        """Drop the identities of a window that nobody has open any more."""
        self._seen.pop(window, None)

    def _running_newest(self, time: Floats, view: Ints, first: Bools) -> tuple[Floats, Floats]:
        """Return the newest event time of each row's view before and after that row, rows sorted by view."""
        reached = np.where(first, np.maximum(time, self._views.newest[view]), time)
        place = np.arange(len(time))
        depth = place - place[first][np.cumsum(first) - 1]
        step = 1
        while step <= depth.max():
            deep = depth[step:] >= step
            reached[step:][deep] = np.maximum(reached[step:], reached[:-step])[deep]
            step *= 2
        before = np.empty_like(reached)
        before[1:] = reached[:-1]
        before[first] = self._views.newest[view[first]]
        return before, reached

    def _repeats(self, rows: Rows, last: Ints, is_open: Bools, not_newest: Bools) -> Bools:
        """Flag rows that repeat one in a window that is still open.

        Of the windows that a sample lies in the last one closes last, so identities are kept there. A row that is newer
        than all before it can't be a repeat; the others are looked up one by one.
        """
        repeated = np.zeros(len(rows), np.bool_)
        identities = self._identities(rows)
        for window in np.unique(last[is_open]).tolist():
            seen = self._seen.setdefault(window, set())
            here = is_open & (last == window)
            seen.update(identities[here & ~not_newest].tolist())
            doubtful = np.flatnonzero(here & not_newest)
            for row, identity in zip(doubtful.tolist(), identities[doubtful].tolist(), strict=True):
                if identity in seen:
                    repeated[row] = True
                else:
                    seen.add(identity)
        return repeated

    def _identities(self, rows: Rows) -> npt.NDArray[np.uint64]:
        """Return a 64-bit hash of each row's view, shape, time, spans, facts and pairs, its factors drawn at random."""
        head = np.stack((rows.time, rows.interval, rows.due, rows.identity)).view(np.uint64)
        numbers = np.stack((self._views.serial[rows.view], self._shapes.identities[rows.shape])).view(np.uint64)
        total: npt.NDArray[np.uint64] = _mixed(head, _FACTORS[:4, None]).sum(0) + _mixed(numbers, _FACTORS[4:6, None]).sum(0)
        some = np.flatnonzero(rows.size)
        if len(some):
            place = 2 * (np.arange(len(rows.part)) - np.repeat(rows.first, rows.size))
            mixed = _mixed(rows.part.view(np.uint64), _FACTORS[6:][place])
            mixed += _mixed(rows.whole.view(np.uint64), _FACTORS[7:][place])
            total[some] += np.add.reduceat(mixed, rows.first[some])
        for row, why in rows.ended.items():
            total[row] ^= np.uint64(hash(why) & (1 << 64) - 1)
        return total


def _mixed(bits: npt.NDArray[np.uint64], factors: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread each number over all 64 bits, in another way for each factor."""
    mixed = bits * factors
    mixed ^= mixed >> _SHIFT
    mixed *= _MIX
    mixed ^= mixed >> _SHIFT
    return mixed
