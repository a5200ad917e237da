"""The windows that are open: which cells are whose, since which message, and what else a window remembers."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from processors.windows.cells import Cells
from processors.windows.columns import Columns
from processors.windows.rows import Floats
from processors.windows.shapes import Column, Ints, Shape, Shapes
from processors.windows.views import NO_FACTS, Facts, View, Views, merged
from virtpulse.messages.sample import Fact

NOT_OPEN: Final = np.iinfo(np.int64).max
_NONE: Final[dict[str, Fact]] = {}  # shared by all windows without facts, never written


class OpenWindows(Columns):
    """Open windows by number, and by window and view.

    view, window: whose and which. first: position of the first message in it. base: its first cell; capacity: how many
    there are; layout: number of the shape that orders those in use. samples, repeated: counts. end: where it ends.
    """

    view: Ints
    window: Ints
    first: Ints
    base: Ints
    capacity: Ints
    layout: Ints
    samples: Ints
    repeated: Ints
    end: Floats
    facts_identity: Floats

    FIELDS: ClassVar[dict[str, tuple[npt.DTypeLike, Any]]] = {
        "view": (np.int64, -1),
        "window": (np.int64, 0),
        "first": (np.int64, NOT_OPEN),
        "base": (np.int64, 0),
        "capacity": (np.int64, 0),
        "layout": (np.int64, -1),
        "samples": (np.int64, 0),
        "repeated": (np.int64, 0),
        "end": (np.float64, math.inf),
        "facts_identity": (np.float64, -1.0),
    }

    def __init__(self, views: Views, shapes: Shapes) -> None:
        super().__init__()
        self._views = views
        self._shapes = shapes
        self.cells = Cells()
        self.facts: list[dict[str, Fact]] = []  # of each open window, merged
        self.by_window: dict[int, dict[int, int]] = {}

    def open(self, view: View, window: int, end: float, position: int, layout: Shape) -> int:
        """Open a window and return its number."""
        number = self.take()
        if number == len(self.facts):
            self.facts.append(_NONE)
        self.view[number] = view.number
        self.window[number] = window
        self.first[number] = position
        self.base[number], self.capacity[number] = self.cells.take(layout.size), layout.size
        self.layout[number] = layout.number
        self.end[number] = end
        self.by_window.setdefault(window, {})[view.number] = number
        view.open.append((window, number))
        self._views.next_end[view.number] = min(end, self._views.next_end[view.number])
        return number

    def close(self, numbers: list[int]) -> list[int]:
        """Close windows whose content has been read; return those places on the time line where none is open any more."""
        empty: list[int] = []
        for number, view_number, window in zip(numbers, self.view[numbers].tolist(), self.window[numbers].tolist(), strict=True):
            view = self._views[view_number]
            view.open.remove((window, number))
            self._views.next_end[view_number] = min((self.end[other] for _, other in view.open), default=math.inf)
            others = self.by_window[window]
            del others[view_number]
            if not others:
                del self.by_window[window]
                empty.append(window)
            self.facts[number] = _NONE
        self.cells.give_back(self.base[numbers], self.capacity[numbers])
        self.give_back(numbers)
        if not self.by_window:
            self.cells.reset()
        return empty

    def widen(self, number: int, columns: Iterable[Column]) -> None:
        """Order a window's cells by `columns`: those it has, and others for which it gets cells."""
        before, after = self._shapes.by_number[self.layout[number]], self._shapes.of(columns)
        places = self._shapes.places(after, before)
        if places is None:
            msg = "a window cannot lose a metric"
            raise ValueError(msg)
        old, capacity = int(self.base[number]), int(self.capacity[number])
        if after.size > capacity:
            self.capacity[number] = 1 << (after.size - 1).bit_length()  # few sizes, so that what is given back fits others
            self.base[number] = self.cells.take(int(self.capacity[number]))
        self.cells.move(old, places + self.base[number])
        self.layout[number] = after.number
        if after.size > capacity:
            self.cells.give_back(np.array([old]), np.array([capacity]))

    def cells_of(self, number: int, shape: int) -> Ints | None:
        """Return the cells of a window for the metrics of a shape; None if it lacks one."""
        places = self._shapes.places(self._shapes.by_number[self.layout[number]], self._shapes.by_number[shape])
        return None if places is None else places + self.base[number]

    def add_facts(self, number: int, facts: Facts) -> None:
        """Merge a sample's facts into a window's."""
        if facts is not NO_FACTS and facts.identity != self.facts_identity[number]:
            held = self.facts[number]
            self.facts[number] = merged(held, facts.content) if held else facts.content
            self.facts_identity[number] = facts.identity

    def first_needed(self) -> int | None:
        """Return the position of the first message that an open window holds."""
        first = int(self.first[: self.height].min()) if self.height else NOT_OPEN
        return None if first == NOT_OPEN else first

    def layouts(self) -> list[int]:
        """Return the numbers of the shapes that order open windows."""
        found: list[int] = np.unique(self.layout[: self.height]).tolist()
        return found
