"""Shapes: the metric keys of a sample, in their order. Nearly all samples of a source have one, so keys become columns.

A shape is looked up by one tuple: the keys of the four maps, divided by 0, 1 and 2; an absent map is a single None.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import MAX_METRICS
from virtpulse.messages.reading import check_key
from virtpulse.messages.sample import MAPS

Ints = npt.NDArray[np.int64]
ShapeKey = tuple[str | int | None, ...]

MAX_WINDOW_METRICS: Final = 2 * MAX_METRICS
_SWEEP_ABOVE: Final = 1_000_000


class Shape:
    """A sequence of metric keys.

    columns: (map, key) of each metric, `map` an index into MAPS, in the order of the maps. keys: those of each map.
    factor: of each metric, what turns part / whole into what is told: 100 for percent, 1 for seconds.
    colons: how many colons the JSON of these keys and their maps has, if no name stands twice.
    """

    __slots__ = ("colons", "columns", "factor", "keys", "number", "size")

    def __init__(self, number: int, columns: list[tuple[int, str]], maps: int) -> None:
        self.number = number
        self.columns = columns
        self.keys = [[key for family, key in columns if family == one] for one in range(len(MAPS))]
        self.size = len(columns)
        self.factor = np.array([1.0 if MAPS[family] == "timings" else 100.0 for family, _ in columns])
        self.colons = maps + self.size + sum(key.count(":") for _, key in columns)


class Shapes:
    """All shapes in use, by their tuple of keys and by number."""

    def __init__(self) -> None:
        self._by_key: dict[ShapeKey, Shape] = {}
        self._unions: dict[tuple[int, int], Shape | None] = {}
        self._places: dict[tuple[int, int], Ints | None] = {}
        self._free: list[int] = []
        self._held = 0
        self._sweep_above = _SWEEP_ABOVE
        self.by_number: list[Shape] = []
        self.sizes: Ints = np.zeros(0, np.int64)
        self.colons: Ints = np.zeros(0, np.int64)
        self.find = self._by_key.get

    def add(self, key: ShapeKey) -> Shape:
        """Check and register the shape of `key`. Raises InvalidError for a wrong metric key or too many."""
        columns = _columns(key)
        if len(columns) > MAX_METRICS:
            raise InvalidError(MAPS[0], f"a sample must have at most {MAX_METRICS} metrics, got {len(columns)}")
        for family, name in columns:
            check_key(MAPS[family], name)
        return self._register(key, columns, maps=len(MAPS) - key.count(None))

    def union(self, layout: Shape, shape: Shape) -> Shape | None:
        """Return the layout with the keys of `shape` that it lacks behind its own in each map; None if they are too many."""
        pair = (layout.number, shape.number)
        if pair not in self._unions:
            columns = sorted(dict.fromkeys((*layout.columns, *shape.columns)), key=itemgetter(0))
            key: ShapeKey = (-1, *(part for column in columns for part in column))
            self._unions[pair] = (
                None if len(columns) > MAX_WINDOW_METRICS else self._by_key.get(key) or self._register(key, columns, maps=0)
            )
        return self._unions[pair]

    def places(self, layout: Shape, shape: Shape) -> Ints | None:
        """Return where in `layout` each metric of `shape` stands; None if one is not there."""
        pair = (layout.number, shape.number)
        if pair not in self._places:
            index = {column: place for place, column in enumerate(layout.columns)}
            found = [index.get(column, -1) for column in shape.columns]
            self._places[pair] = None if -1 in found else np.array(found, np.int64)
        return self._places[pair]

    def sweep(self, in_use: Callable[[], Iterable[int]]) -> None:
        """Drop the shapes that no window uses, once there are many: keys come from outside and may never come again."""
        if self._held <= self._sweep_above:
            return
        used = set(in_use())
        kept = {key: shape for key, shape in self._by_key.items() if shape.number in used}
        self._by_key.clear()
        self._by_key.update(kept)
        self._unions.clear()
        self._places.clear()
        free = [number for number, shape in enumerate(self.by_number) if shape.number not in used]
        for number in free:
            self.by_number[number] = _EMPTY
        self._free = free
        self._held = sum(shape.size for shape in kept.values())
        self._sweep_above = max(_SWEEP_ABOVE, 2 * self._held)

    def _register(self, key: ShapeKey, columns: list[tuple[int, str]], maps: int) -> Shape:
        number = self._free.pop() if self._free else len(self.by_number)
        shape = Shape(number, columns, maps)
        if number == len(self.by_number):
            self.by_number.append(shape)
        else:
            self.by_number[number] = shape
        if number >= len(self.sizes):
            room = max(64, 2 * number)
            self.sizes, self.colons = (np.concatenate((column, np.zeros(room, np.int64))) for column in (self.sizes, self.colons))
        self.sizes[number], self.colons[number] = shape.size, shape.colons
        self._by_key[key] = shape
        self._held += shape.size
        return shape


def _columns(key: ShapeKey) -> list[tuple[int, str]]:
    columns: list[tuple[int, str]] = []
    family = 0
    for part in key:
        if isinstance(part, str):
            columns.append((family, part))
        elif part is not None:
            family += 1
    return columns


_EMPTY: Final = Shape(-1, [], 0)
