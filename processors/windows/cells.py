"""The sums: for each metric of each open window one cell, kept as flat arrays."""

import math

import numpy as np
import numpy.typing as npt

from processors.windows.columns import runs
from processors.windows.rows import Floats
from processors.windows.shapes import Ints


class Cells:
    """part, whole: sums. low, high, latest: smallest, largest and last part / whole of the samples whose whole was known.

    count: samples. unknown: whether a part above zero came with a whole of zero. A window's cells lie side by side.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin without any cell; also gives all memory back once no window is open."""
        self._used = 0
        self._free: dict[int, list[int]] = {}
        self.part: Floats = np.zeros(0)
        self.whole: Floats = np.zeros(0)
        self.low: Floats = np.zeros(0)
        self.high: Floats = np.zeros(0)
        self.latest: Floats = np.zeros(0)
        self.count: Floats = np.zeros(0)
        self.unknown: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._grow(1 << 12)

    def take(self, size: int) -> int:
        """Return the first of `size` fresh cells."""
        free = self._free.get(size)
        if free:
            return free.pop()
        if self._used + size > len(self.part):
            self._grow(max(size, len(self.part) // 2))
        self._used += size
        return self._used - size

    def give_back(self, first: Ints, size: Ints) -> None:
        """Take runs of cells back, `size` from `first` on, and make them fresh."""
        self._clear(runs(first, size))
        for one, length in zip(first.tolist(), size.tolist(), strict=True):
            self._free.setdefault(length, []).append(one)

    def add(self, cell: Ints, part: Floats, whole: Floats) -> None:
        """Add a pair to each cell, in order; a cell may stand several times.

        `ufunc.at` adds one after the other, so sums don't depend on how messages were cut into batches.
        """
        np.add.at(self.part, cell, part)
        np.add.at(self.whole, cell, whole)
        np.add.at(self.count, cell, np.ones(len(cell)))
        known = np.flatnonzero(whole)
        if len(known) < len(cell):
            self.unknown[cell[np.flatnonzero((whole == 0) & (part > 0))]] = True
            cell, part, whole = cell.take(known), part.take(known), whole.take(known)
        with np.errstate(over="ignore"):
            share = part / whole
        np.minimum.at(self.low, cell, share)
        np.maximum.at(self.high, cell, share)
        self.latest[cell] = share

    def move(self, first: int, target: Ints) -> None:
        """Move cells that lie side by side to others, which are fresh or among them; those that are left become fresh."""
        source = slice(first, first + len(target))
        columns = (self.part, self.whole, self.low, self.high, self.latest, self.count, self.unknown)
        held = [column[source].copy() for column in columns]
        self._clear(source)
        for column, values in zip(columns, held, strict=True):
            column[target] = values

    def _clear(self, where: slice | Ints) -> None:
        self.part[where] = 0.0
        self.whole[where] = 0.0
        self.low[where] = math.inf
        self.high[where] = -math.inf
        self.latest[where] = math.nan
        self.count[where] = 0
        self.unknown[where] = False

    def _grow(self, more: int) -> None:
        old = len(self.part)
        for name in ("part", "whole", "low", "high", "latest", "count", "unknown"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate((column, np.empty(more, column.dtype))))
        self._clear(slice(old, old + more))
