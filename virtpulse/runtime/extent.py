"""How far a role reads, and how far it is."""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from virtpulse.runtime.context import Context
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Batch, Position

WAIT: Final = 0.25  # seconds that a read may take; also how soon a stop is seen
LAST_WAIT: Final = 0.05  # the same once the role is stopping
LAST_READING: Final = 1.0  # seconds that a role reads on once it is stopping

Place = tuple[str, int]  # topic and partition
T = TypeVar("T")


class Extent:
    """What is to be read of some topics, what has been read, and the role's lag.

    Until STOPPED there is no end before `stop`, which sets it to the end of the log at that moment, and to LAST_READING
    from then. Until DRAINED the end is that of the log when it began.
    """

    def __init__(self, context: Context, topics: Sequence[str]) -> None:
        self._context = context
        self._topics = topics
        self._next: dict[Place, int] = {}
        self._behind: dict[Place, int] = {}  # what waited there at the last look
        self._bounded = False
        self._ends: Mapping[Place, int] = {}  # the positions to read up to, where it is bounded
        self._unread: set[Place] = set()  # the places that have not reached theirs
        self._read_until: float | None = None  # by the clock; set once the role is stopping

    async def begin(self, until: Until) -> None:
        """Find out how far to read. Raises FatalError, and RetryableError if it is stopped while that fails."""
        if until is Until.DRAINED:
            await self._bound()

    async def stop(self) -> None:
        """Read on to the end of what is there now, for at most LAST_READING. Raises as `begin`."""
        self._read_until = self._context.clock.monotonic() + LAST_READING
        await self._bound()

    @property
    def to_be_stopped(self) -> bool:
        """Whether the role is stopping, and `stop` is still to be called."""
        return self._context.stopping.is_set() and self._read_until is None and not self.drained

    @property
    def drained(self) -> bool:
        """Whether all that was to be read was read, and nobody asked to stop before that."""
        return self._read_until is None and self._reached()

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read."""
        late = self._read_until is not None and self._context.clock.monotonic() >= self._read_until
        return late or self._reached()

    async def read(self, call: Callable[[float], Awaitable[T]]) -> T:
        """Return what `call` reads, with retry; its argument is the seconds that it may wait."""
        wait = WAIT if self._read_until is None else LAST_WAIT
        await asyncio.sleep(0)  # a transport that has read ahead may never wait, and signals would never be seen
        return await self._context.retrying(partial(call, wait))

    async def start(self, partition: int, positions: Mapping[str, Position]) -> None:
        """Read the partition from `positions` on. Raises as `begin`."""
        ends = await self._context.ends(self._topics)
        for topic, position in positions.items():
            place, at = (topic, partition), position.first_needed
            self._next[place] = at
            self._behind[place] = max(ends.get(place, 0) - at, 0)
            if at >= self._ends.get(place, 0):
                self._unread.discard(place)
        self._count_lag()

    def note(self, batch: Batch) -> Batch:
        """Return the part of `batch` that is to be read, and count it as read; it may be empty."""
        place = batch.topic, batch.partition
        taken = self._cut(place, batch) if self._bounded else batch
        if taken.positions:
            self._next[place] = taken.positions[-1] + 1
        self._behind[place] = taken.remaining
        self._count_lag()
        return taken

    def all_read(self, partitions: Container[int] | None = None) -> None:
        """Count everything in these partitions as read, or in all."""
        self._behind.update(dict.fromkeys(_within(self._behind, partitions), 0))
        self._unread -= _within(self._unread, partitions)
        self._count_lag()

    def keep(self, partitions: Container[int]) -> None:
        """Read in these partitions only."""
        self._unread = _within(self._unread, partitions)

    def forget(self, partition: int) -> None:
        """Leave the partition; after a stop for good, before it is to be read from the start again."""
        for place in _within(self._behind, {partition}):
            del self._behind[place]
            self._next.pop(place, None)
        if self._read_until is None:
            self._unread |= _within(self._ends, {partition})
        else:
            self._unread -= _within(self._unread, {partition})
        self._count_lag()

    def waits(self, partition: int) -> bool:
        """Whether something waited in the partition at the last look, or there was no look yet."""
        return any(self._behind.get((topic, partition)) != 0 for topic in self._topics)

    async def _bound(self) -> None:
        ends = await self._context.ends(self._topics)
        self._ends = {place: end for place, end in ends.items() if end > self._next.get(place, 0)}
        self._unread = set(self._ends)
        self._bounded = True

    def _reached(self) -> bool:
        return self._bounded and not self._unread

    def _cut(self, place: Place, batch: Batch) -> Batch:
        if place not in self._unread:
            return batch.slice(0, 0)
        end = self._ends[place]
        if batch.remaining == 0 or (batch.positions and batch.positions[-1] >= end - 1):
            self._unread.discard(place)
        if not batch.positions or batch.positions[-1] < end:
            return batch
        return batch.slice(0, bisect_left(batch.positions, end))

    def _count_lag(self) -> None:
        self._context.counters.lag = sum(self._behind.values())


def _within(places: Iterable[Place], partitions: Container[int] | None) -> set[Place]:
    return {place for place in places if partitions is None or place[1] in partitions}
