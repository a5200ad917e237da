"""An in-memory transport for faults that no real one can be made to have on cue, and a small processor."""

from __future__ import annotations

from collections import defaultdict, deque
from enum import Enum
from typing import TYPE_CHECKING

import pytest

from virtpulse.errors import FatalError, PartitionLostError, RefusedError, RetryableError
from virtpulse.runtime.roles import Output
from virtpulse.transports.interface import Assigned, Batch, Outgoing, Position, Revoked, Start, Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from virtpulse.clock import Clock
    from virtpulse.transports.interface import Event, Progress


class MemoryTransport:
    """A log in memory. Each call that may fail takes the next of `faults`; with none left everything works."""

    class Fault(Enum):
        """What the next call does instead of working; REVOKED only in `read`, LOST only there and in `transfer`."""

        NONE = 0
        RETRYABLE = 1
        LOST = 2
        REVOKED = 3
        FATAL = 4

    def __init__(self, clock: Clock, partitions: int = 1, faults: Iterable[MemoryTransport.Fault] = ()) -> None:
        self.clock = clock
        self.partitions = partitions
        self.faults = deque(faults)
        self.logs: dict[tuple[str, int], list[tuple[str, bytes]]] = defaultdict(list)
        self.first: dict[tuple[str, int], int] = defaultdict(int)  # what was before that, retention has taken
        self.committed: dict[tuple[str, int], Position] = {}
        self.transfers: list[tuple[list[Outgoing], Progress]] = []
        self.started = self.closed = 0
        self.elsewhere: set[int] = set()  # partitions that another worker owns
        self.read_takes = 0.0  # seconds that the reading of a batch takes
        self.refuse: Callable[[Outgoing], bool] = lambda _message: False

    def add(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Append messages without publishing them."""
        self.logs[topic, partition] += [("host", value) for value in values]

    def stored(self, topic: str) -> list[bytes]:
        """Return the values of all messages of a topic."""
        return [value for (name, _), log in sorted(self.logs.items()) if name == topic for _, value in log]

    def fail(self, partition: int | None = None) -> None:
        """Take the next fault and raise its error; a `partition` can be lost only where one is given."""
        fault = self.faults.popleft() if self.faults else MemoryTransport.Fault.NONE
        if fault is MemoryTransport.Fault.RETRYABLE:
            msg = "the broker is away"
            raise RetryableError(msg)
        if fault is MemoryTransport.Fault.FATAL:
            msg = "the disk is broken"
            raise FatalError(msg)
        if fault is MemoryTransport.Fault.LOST and partition is not None:
            raise PartitionLostError(partition, "another worker came")

    def require_good(self, messages: Sequence[Outgoing]) -> None:
        """Raise RefusedError for the messages that `refuse` picks."""
        reasons = {index: "too large" for index, message in enumerate(messages) if self.refuse(message)}
        if reasons:
            raise RefusedError(reasons)

    def append(self, messages: Sequence[Outgoing]) -> None:
        """Store the messages but those that `refuse` picks."""
        for message in messages:
            if not self.refuse(message):
                self.logs[message.topic, message.partition or 0].append((message.key, message.value))

    def batch(self, place: tuple[str, int], at: int, limit: int) -> Batch | None:
        """Return the messages of a partition from `at` on."""
        log, start = self.logs[place], max(at, self.first[place])
        if at >= len(log):
            return None
        taken = log[start : start + limit]
        keys, values = [key for key, _ in taken], [value for _, value in taken]
        positions = range(start, start + len(taken))
        return Batch(*place, positions, [self.clock.time()] * len(taken), keys, values, len(log) - positions.stop, start - at)

    async def start(self) -> None:
        """Connect."""
        self.fail()
        self.started += 1

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Store messages."""
        self.fail()
        self.append(messages)
        self.require_good(messages)

    async def subscribe(self, group: str, topics: Sequence[str]) -> MemorySubscription:
        """Join the only group."""
        assert group
        return MemorySubscription(self, topics)

    async def follow(self, topics: Sequence[str], start: Start) -> MemoryFollower:
        """Read from `start` on."""
        return MemoryFollower(self, topics, start)

    async def latest(self, topic: str, partition: int) -> AsyncGenerator[Batch, None]:
        """Yield the latest message of each key."""
        self.fail()
        latest = dict(self.logs[topic, partition])
        count = len(latest)
        yield Batch(topic, partition, range(count), [self.clock.time()] * count, list(latest), list(latest.values()))

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Return the next positions."""
        return {number: len(self.logs[topic, number]) for number in range(self.partitions)}

    async def positions(self, group: str) -> Mapping[tuple[str, int], Position]:
        """Return where the group stands."""
        assert group
        return self.committed

    async def close(self) -> None:
        """Close."""
        self.closed += 1


class MemorySubscription:
    """The only member of a group."""

    def __init__(self, transport: MemoryTransport, topics: Sequence[str]) -> None:
        self._transport = transport
        self._topics = topics
        self._assigned: set[int] = set()
        self._at: dict[tuple[str, int], int] = {}

    async def read(self, limit: int, wait: float) -> Event:
        """Return the next event."""
        if self._transport.faults and self._transport.faults[0] is MemoryTransport.Fault.REVOKED and self._assigned:
            self._transport.faults.popleft()
            return Revoked(self._assigned.pop())
        try:
            self._transport.fail(min(self._assigned, default=0))
        except PartitionLostError as lost:
            self._assigned.discard(lost.partition)
            raise
        missing = set(range(self._transport.partitions)) - self._assigned - self._transport.elsewhere
        if missing:
            return self._assign(min(missing))
        await self._transport.clock.sleep(self._transport.read_takes)
        until = self._transport.clock.monotonic() + wait
        while (batch := self._next(limit)) is None:
            if self._transport.clock.monotonic() >= until:
                return Waiting(sorted(self._assigned))
            await self._transport.clock.sleep(0.05)
        return batch

    async def transfer(self, messages: Sequence[Outgoing], progress: Progress) -> None:
        """Store output and progress; refuses what would be wrong in any transport."""
        try:
            self._transport.fail(progress.partition)
        except PartitionLostError:
            self._assigned.discard(progress.partition)
            raise
        if progress.partition not in self._assigned:
            raise PartitionLostError(progress.partition, "not ours")
        self._transport.require_good(messages)
        for topic, position in progress.positions.items():
            before = self._transport.committed.get((topic, progress.partition), Position(0, 0))
            assert before.first_needed <= position.first_needed <= position.following
            assert before.following <= position.following
            self._transport.committed[topic, progress.partition] = position
        self._transport.transfers.append((list(messages), progress))
        self._transport.append(messages)

    async def close(self) -> None:
        """Leave."""
        self._assigned = set()

    def _assign(self, partition: int) -> Assigned:
        positions = {topic: self._transport.committed.get((topic, partition), Position(0, 0)) for topic in self._topics}
        self._assigned.add(partition)
        self._at |= {(topic, partition): position.first_needed for topic, position in positions.items()}
        return Assigned(partition, positions)

    def _next(self, limit: int) -> Batch | None:
        for place, at in sorted(self._at.items(), key=lambda entry: entry[1]):
            batch = self._transport.batch(place, at, limit) if place[1] in self._assigned else None
            if batch is not None:
                self._at[place] = at + batch.skipped + len(batch)
                return batch
        return None


class MemoryFollower:
    """Reads a log."""

    def __init__(self, transport: MemoryTransport, topics: Sequence[str], start: Start) -> None:
        self._transport = transport
        self._at = {
            (topic, number): 0 if start is Start.BEGINNING else len(transport.logs[topic, number])
            for topic in topics
            for number in range(transport.partitions)
        }

    async def read(self, limit: int, wait: float) -> Batch | None:
        """Return the next messages."""
        self._transport.fail()
        for place, at in self._at.items():
            batch = self._transport.batch(place, at, limit)
            if batch is not None:
                self._at[place] += batch.skipped + len(batch)
                return batch
        await self._transport.clock.sleep(wait)
        return None

    async def close(self) -> None:
        """Stop."""


class Grouping:
    """A processor whose state is in the log: it joins `size` messages of a topic to one output, as a window would."""

    def __init__(self, partition: int, size: int = 3) -> None:
        self.partition = partition
        self.size = size
        self.restored: list[bytes] = []
        self.ticks = 0
        self._open: dict[str, list[tuple[int, bytes]]] = {}

    def restore(self, batch: Batch) -> None:
        """Keep what was restored."""
        self.restored += batch.values

    def replay(self, batch: Batch) -> None:
        """Rebuild the open groups."""
        self._add(batch)

    def process(self, batch: Batch) -> Output:
        """Emit the groups that are full."""
        return Output(self._add(batch))

    def tick(self) -> Output:
        """Count the tick."""
        self.ticks += 1
        return Output()

    def drain(self) -> Iterable[Output]:
        """Emit the open groups, each for itself."""
        for topic in list(self._open):
            yield Output([self._close(topic)])

    def first_needed(self) -> Mapping[str, int]:
        """Return the first position of each open group."""
        return {topic: group[0][0] for topic, group in self._open.items()}

    def _add(self, batch: Batch) -> list[Outgoing]:
        full = []
        for message in batch:
            group = self._open.setdefault(message.topic, [])
            group.append((message.position, message.value))
            if len(group) == self.size:
                full.append(self._close(message.topic))
        return full

    def _close(self, topic: str) -> Outgoing:
        return Outgoing("aggregates", "host", b" ".join(value for _, value in self._open.pop(topic)), self.partition)


@pytest.fixture(scope="session")
def memory_transport() -> type[MemoryTransport]:
    """Return the class of in-memory transports."""
    return MemoryTransport


@pytest.fixture(scope="session")
def grouping() -> type[Grouping]:
    """Return the class of a small processor whose state is in the log."""
    return Grouping
