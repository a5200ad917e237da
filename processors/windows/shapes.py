"""Shapes: sets of metric keys. Nearly all samples of a source have the same one, so that keys become columns."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.windows.skeleton import Skeleton
from virtpulse.messages.sample import MAPS

Ints = npt.NDArray[np.int64]
Column = tuple[int, str]  # a metric: its map, as an index into MAPS, and its key

_MOST_PLACES: Final = 1_000_000  # that are remembered, 8 bytes each


class Shape:
    """Metrics, sorted by map and key.

    factor: of each metric, what turns part / whole into what is told: 100 for percent, 1 for seconds.
    """

    __slots__ = ("_skeleton", "columns", "factor", "number", "size")

    def __init__(self, number: int, columns: tuple[Column, ...]) -> None:
        self.number = number
        self.columns = columns
        self.size = len(columns)
        self.factor = np.array([1.0 if MAPS[family] == "timings" else 100.0 for family, _ in columns])
        self._skeleton: Skeleton | None = None

    @property
    def skeleton(self) -> Skeleton:
        """What an aggregate with these metrics looks like; made when it is asked for, as few shapes become one."""
        if self._skeleton is None:
            self._skeleton = Skeleton([[key for family, key in self.columns if family == one] for one in range(len(MAPS))])
        return self._skeleton


class Shapes:
    """All shapes in use, by what they hold and by number. held: metrics in all of them."""

    def __init__(self) -> None:
        self._by_columns: dict[tuple[Column, ...], Shape] = {}
        self._places: dict[tuple[int, int], Ints | None] = {}
        self._placed = 0
        self._free: list[int] = []
        self.held = 0
        self.by_number: list[Shape] = []
        self.sizes: Ints = np.zeros(0, np.int64)
        self.identities: Ints = np.zeros(0, np.int64)  # hashes of the metrics: numbers are used again

    def of(self, columns: Iterable[Column]) -> Shape:
        """Return the shape of these metrics."""
        key = tuple(sorted(columns))
        return self._by_columns.get(key) or self._register(key)

    def places(self, layout: Shape, shape: Shape) -> Ints | None:
        """Return where in `layout` each metric of `shape` stands; None if one is not there."""
        pair = (layout.number, shape.number)
        if pair not in self._places:
            index = {column: place for place, column in enumerate(layout.columns)}
            found = [index.get(column, -1) for column in shape.columns]
            if self._placed > _MOST_PLACES:
                self._forget_places()
            self._places[pair] = None if -1 in found else np.array(found, np.int64)
            self._placed += len(found)
        return self._places[pair]

    def keep(self, numbers: set[int]) -> None:
        """Drop all shapes but these."""
        dropped = [shape for shape in self._by_columns.values() if shape.number not in numbers]
        for shape in dropped:
            del self._by_columns[shape.columns]
            self.by_number[shape.number] = _EMPTY
            self.held -= shape.size
        self._free += [shape.number for shape in dropped]
        self._forget_places()

    def _forget_places(self) -> None:
        self._places.clear()
        self._placed = 0

    def _register(self, columns: tuple[Column, ...]) -> Shape:
        number = self._free.pop() if self._free else len(self.by_number)
        shape = Shape(number, columns)
        if number == len(self.by_number):
            self.by_number.append(shape)
        else:
            self.by_number[number] = shape
        if number >= len(self.sizes):
            room = np.zeros(max(64, 2 * number), np.int64)
            self.sizes, self.identities = np.concatenate((self.sizes, room)), np.concatenate((self.identities, room))
        self.sizes[number], self.identities[number] = shape.size, hash(columns)
        self._by_columns[columns] = shape
        self.held += shape.size
        return shape


_EMPTY: Final = Shape(-1, ())
