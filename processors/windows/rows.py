"""The documents of a batch as columns of numbers, and those that are refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from processors.windows.columns import runs
from processors.windows.shapes import Ints
from processors.windows.views import Facts
from virtpulse.errors import InvalidError
from virtpulse.messages.sample import Ended

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Refusal:
    """A document that breaks the rules.

    message: number of its message in the batch. index: its number in the message's array, -1 without one.
    """

    message: int
    index: int
    document: bytes
    error: InvalidError


def in_order(refusals: list[Refusal]) -> list[Refusal]:
    """Return refusals in the order of the log."""
    return sorted(refusals, key=attrgetter("message", "index"))


@dataclass(slots=True)
class Rows:
    """The valid documents of a batch as columns, in the order of the log.

    message: number of the message in the batch; index: of the document in the message's array, -1 without one.
    view, shape: numbers. identity: of the facts; colons: those that the JSON of the
    maps and the facts needs. part, whole: the pairs of all rows, one row behind the other;
    first: where each row's begin; size: how many they are.
    """

    message: Ints
    index: Ints
    view: Ints
    shape: Ints
    time: Floats
    interval: Floats
    due: Floats
    identity: Floats
    colons: Floats
    part: Floats
    whole: Floats
    first: Ints
    size: Ints
    facts: list[Facts]
    documents: list[bytes]
    ended: dict[int, Ended]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.documents)

    def parts(self, most: int) -> Iterator["Rows"]:
        """Yield the rows in parts with about `most` pairs of numbers each, a row without any counted as one."""
        weight = np.cumsum(np.maximum(self.size, 1))
        start = 0
        while start < len(self):
            before = int(weight[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(weight, before + most, side="right")))
            yield self if stop - start == len(self) else self._part(start, stop)
            start = stop

    def _part(self, start: int, stop: int) -> "Rows":
        return self.without([*range(start), *range(stop, len(self))])

    def without(self, bad: list[int]) -> "Rows":
        """Return the rows but those whose numbers are in `bad`."""
        kept = np.delete(np.arange(len(self)), bad)
        renumbered = {row: number for number, row in enumerate(kept.tolist())}
        size = self.size[kept]
        source = runs(self.first[kept], size)
        return Rows(
            message=self.message[kept],
            index=self.index[kept],
            view=self.view[kept],
            shape=self.shape[kept],
            time=self.time[kept],
            interval=self.interval[kept],
            due=self.due[kept],
            identity=self.identity[kept],
            colons=self.colons[kept],
            part=self.part[source],
            whole=self.whole[source],
            first=np.cumsum(size) - size,
            size=size,
            facts=[self.facts[row] for row in renumbered],
            documents=[self.documents[row] for row in renumbered],
            ended={renumbered[row]: why for row, why in self.ended.items() if row in renumbered},
        )
