"""How far is to be read, where that is known beforehand."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from virtpulse.transports.interface import Batch, Position

Place = tuple[str, int]  # topic and partition


class Goal:
    """For each topic and partition the position to read up to, and which of them are not reached yet."""

    def __init__(self, ends: Mapping[Place, int]) -> None:
        self._ends = dict(ends)
        self._open = set(ends)

    def reached(self) -> bool:
        """Whether everything is read."""
        return not self._open

    def cut(self, batch: Batch) -> Batch:
        """Return the part of `batch` that lies before its end; it may be empty."""
        place = batch.topic, batch.partition
        if place not in self._open:
            return batch.slice(0, 0)
        end = self._ends[place]
        if batch.remaining == 0 or (batch.positions and batch.positions[-1] >= end - 1):
            self._open.discard(place)
        if not batch.positions or batch.positions[-1] < end:
            return batch
        return batch.slice(0, bisect_left(batch.positions, end))

    def start(self, partition: int, positions: Mapping[str, Position]) -> None:
        """Take note that the partition is read from `positions` on."""
        self._open -= {(topic, partition) for topic, at in positions.items() if at.first_needed >= self._end(topic, partition)}

    def all_read(self, partitions: Sequence[int] | None = None) -> None:
        """Take note that nothing is left to read in these partitions, or in any."""
        self._open -= {place for place in self._open if partitions is None or place[1] in partitions}

    def reopen(self, partition: int) -> None:
        """Read the partition from the start again, once it is ours again."""
        self._open |= {place for place in self._ends if place[1] == partition}

    def _end(self, topic: str, partition: int) -> int:
        return self._ends.get((topic, partition), 0)
