"""Columns of numbers that grow together: the state of many things as arrays instead of many objects."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt


class Columns:
    """Arrays of equal length, by name. Rows are handed out and taken back by number.

    A subclass annotates its columns and gives for each the type and the value of a new row in `FIELDS`.
    """

    FIELDS: ClassVar[dict[str, tuple[npt.DTypeLike, Any]]] = {}

    def __init__(self) -> None:
        self.room = 0
        self._grow(64)
        self._next = 0
        self._free: list[int] = []

    def take(self) -> int:
        """Return the number of a new row, its values as for a new one."""
        if self._free:
            return self._free.pop()
        if self._next == self.room:
            self._grow(self.room)
        self._next += 1
        return self._next - 1

    def give_back(self, rows: list[int]) -> None:
        """Take rows back; their values become those of new ones."""
        for name, (_, value) in self.FIELDS.items():
            getattr(self, name)[rows] = value
        self._free.extend(rows)

    @property
    def height(self) -> int:
        """How many rows have ever been in use at the same time; rows from there on are untouched."""
        return self._next

    def _grow(self, more: int) -> None:
        for name, (kind, value) in self.FIELDS.items():
            new = np.full(more, value, kind)
            old = getattr(self, name, None)
            setattr(self, name, new if old is None else np.concatenate((old, new)))
        self.room += more


def runs(first: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers of runs one behind the other: `size[0]` numbers from `first[0]` on, then those of the next run."""
    starts = np.cumsum(size) - size
    numbers: npt.NDArray[np.int64] = np.repeat(first - starts, size) + np.arange(int(size.sum()))
    return numbers


def heads(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Flag the first of each run of equal values."""
    flagged = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=flagged[1:])
    return flagged
