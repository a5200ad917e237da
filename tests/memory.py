"""An in-memory transport for faults that no real one can be made to have on cue. The contract suite holds it, too."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from virtpulse.clock import Clock
from virtpulse.errors import FatalError, PartitionLostError, RefusedError, RetryableError
from virtpulse.topics import TOPICS
from virtpulse.transports.interface import (
    MAX_MESSAGE_BYTES,
    Assigned,
    Batch,
    Event,
    Message,
    Outgoing,
    Position,
    Progress,
    Revoked,
    Start,
    Waiting,
)

Place = tuple[str, int]  # topic and partition

_LOOK_EVERY: Final = 0.05  # seconds


@dataclass(slots=True)
class MemoryLog:
    """What the connections to one deployment share. A compacted topic keeps the latest message of each key.

    messages: by position, in its order. newest: for each key of a compacted topic's partition the position of its message.
    """

    partitions: int = 1
    messages: dict[Place, dict[int, Message]] = field(default_factory=lambda: defaultdict(dict))
    newest: dict[tuple[Place, str], int] = field(default_factory=dict)
    ends: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    taken: dict[Place, int] = field(default_factory=lambda: defaultdict(int))  # what lies before that, retention took
    committed: dict[str, dict[Place, Position]] = field(default_factory=lambda: defaultdict(dict))
    owners: dict[tuple[str, int], "MemorySubscription"] = field(default_factory=dict)

    def append(self, topic: str, partition: int, time: float, key: str, value: bytes) -> None:
        """Store a message."""
        place = topic, partition
        position = self.ends[place]
        if topic in TOPICS and TOPICS[topic].compacted:
            self.messages[place].pop(self.newest.get((place, key), position), None)
            self.newest[place, key] = position
        self.messages[place][position] = Message(topic, partition, position, time, key, value)
        self.ends[place] += 1

    def trim(self, place: Place, before: int) -> None:
        """Take the messages before a position away, as retention does."""
        self.taken[place] = before
        self.messages[place] = {position: message for position, message in self.messages[place].items() if position >= before}

    def start(self, place: Place, start: Start | float) -> int:
        """Return the position that a follower begins at."""
        if isinstance(start, Start):
            return 0 if start is Start.BEGINNING else self.ends[place]
        later = (position for position, message in self.messages[place].items() if message.time >= start)
        return next(later, self.ends[place])

    def read(self, place: Place, at: int, limit: int) -> Batch | None:
        """Return at most `limit` messages from the position `at` on, None if there are none and none were taken away."""
        messages = list(self.messages[place].values())
        first = bisect_left(messages, at, key=lambda message: message.position)
        taken, skipped = messages[first : first + limit], max(self.taken[place] - at, 0)
        if not taken and not skipped:
            return None
        return batch_of(place, taken, len(messages) - first - len(taken), skipped)


class MemoryTransport:
    """A connection to a log in memory. Each call that may fail takes the next of `faults`; with none left everything works."""

    class Fault(Enum):
        """What the next call does instead of working; REVOKED only in `read`, LOST only there and in `transfer`."""

        NONE = 0
        RETRYABLE = 1
        LOST = 2
        REVOKED = 3
        FATAL = 4

    def __init__(
        self, clock: Clock, partitions: int = 1, faults: Iterable["MemoryTransport.Fault"] = (), log: MemoryLog | None = None
    ) -> None:
        self.clock = clock
        self.log = log or MemoryLog(partitions)
        self.faults = deque(faults)
        self.committed = self.log.committed
        self.transfers: list[tuple[list[Outgoing], Progress]] = []
        self.started = self.closed = 0
        self.elsewhere: set[int] = set()  # partitions that a worker in another process owns
        self.read_takes = 0.0  # seconds that the reading of a batch takes
        self.refuse: Callable[[Outgoing], bool] = lambda _message: False

    def add(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Append messages without publishing them."""
        for value in values:
            self.log.append(topic, partition, self.clock.time(), "host", value)

    def stored(self, topic: str) -> list[bytes]:
        """Return the values of all messages of a topic."""
        places = sorted(place for place in self.log.messages if place[0] == topic)
        return [message.value for place in places for message in self.log.messages[place].values()]

    def fail(self, partition: int | None = None) -> None:
        """Take the next fault and raise its error; a `partition` can be lost only where one is given."""
        if self.closed:
            msg = "the transport is closed"
            raise FatalError(msg)
        fault = self.faults.popleft() if self.faults else MemoryTransport.Fault.NONE
        if fault is MemoryTransport.Fault.RETRYABLE:
            msg = "the broker is away"
            raise RetryableError(msg)
        if fault is MemoryTransport.Fault.FATAL:
            msg = "the disk is broken"
            raise FatalError(msg)
        if fault is MemoryTransport.Fault.LOST and partition is not None:
            raise PartitionLostError(partition, "another worker came")

    def refusals(self, messages: Sequence[Outgoing]) -> dict[int, str]:
        """Return by index why a message can't be stored."""
        return {index: reason for index, message in enumerate(messages) if (reason := self._refusal(message))}

    def append(self, messages: Iterable[Outgoing]) -> None:
        """Store the messages."""
        for message in messages:
            self.log.append(message.topic, message.partition or 0, self.clock.time(), message.key, message.value)

    def _refusal(self, message: Outgoing) -> str:
        if self.refuse(message):
            return "too large"
        if len(message.value) > MAX_MESSAGE_BYTES:
            return f"more than {MAX_MESSAGE_BYTES} bytes"
        if any("\ud800" <= char <= "\udfff" for char in message.key):
            return "the key is no text"
        if (message.partition or 0) not in range(self.log.partitions):
            return f"there is no partition {message.partition}"
        return ""

    async def start(self) -> None:
        """Connect."""
        self.fail()
        self.started += 1

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Store messages."""
        self.fail()
        reasons = self.refusals(messages)
        self.append(message for index, message in enumerate(messages) if index not in reasons)
        if reasons:
            raise RefusedError(reasons)

    async def subscribe(self, group: str, topics: Sequence[str]) -> "MemorySubscription":
        """Join a group."""
        return MemorySubscription(self, group, topics)

    async def follow(self, topics: Sequence[str], start: Start | float) -> "MemoryFollower":
        """Read from `start` on."""
        return MemoryFollower(self, topics, start)

    async def latest(self, topic: str, partition: int) -> AsyncGenerator[Batch, None]:
        """Yield the latest message of each key of a compacted topic that was not removed."""
        self.fail()
        left = [message for message in self.log.messages[topic, partition].values() if message.value]
        if left:
            yield batch_of((topic, partition), left, 0)

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Return the next positions."""
        return {number: self.log.ends[topic, number] for number in range(self.log.partitions)}

    async def positions(self, group: str) -> Mapping[Place, Position]:
        """Return where the group stands."""
        return dict(self.committed[group])

    async def close(self) -> None:
        """Close."""
        self.closed += 1


class MemorySubscription:
    """A member of a group. Whatever partition nobody owns, it takes."""

    def __init__(self, transport: MemoryTransport, group: str, topics: Sequence[str]) -> None:
        self._transport = transport
        self._log = transport.log
        self._group = group
        self._topics = topics
        self._owned: set[int] = set()
        self._at: dict[Place, int] = {}
        self._closed = False

    async def read(self, limit: int, wait: float) -> Event:
        """Return the next event."""
        transport = self._transport
        if transport.faults and transport.faults[0] is MemoryTransport.Fault.REVOKED and self._owned:
            transport.faults.popleft()
            return Revoked(self._leave(max(self._owned)))
        self._fail(min(self._owned, default=0))
        if (assigned := self._take()) is not None:
            return assigned
        await transport.clock.sleep(transport.read_takes)
        until = transport.clock.monotonic() + wait
        while not (self._closed or transport.closed):
            event = self._take() or self._next(limit)
            if event is not None:
                return event
            if transport.clock.monotonic() >= until:
                return Waiting(tuple(sorted(self._owned)))
            await transport.clock.sleep(_LOOK_EVERY)
        return Waiting(())

    async def transfer(self, messages: Sequence[Outgoing], progress: Progress) -> None:
        """Store output and progress; refuses what would be wrong in any transport."""
        self._fail(progress.partition)
        if progress.partition not in self._owned:
            raise PartitionLostError(progress.partition, "not ours")
        reasons = self._transport.refusals(messages)
        if reasons:
            raise RefusedError(reasons)
        committed = self._log.committed[self._group]
        for topic, position in progress.positions.items():
            before = committed.get((topic, progress.partition), Position(0, 0))
            assert before.first_needed <= position.first_needed <= position.following
            assert before.following <= position.following
            committed[topic, progress.partition] = position
        self._transport.transfers.append((list(messages), progress))
        self._transport.append(messages)

    async def close(self) -> None:
        """Leave."""
        self._closed = True
        for partition in tuple(self._owned):
            self._leave(partition)

    def _fail(self, partition: int) -> None:
        try:
            self._transport.fail(partition)
        except PartitionLostError:
            self._leave(partition)
            raise

    def _take(self) -> Assigned | None:
        free = (
            number
            for number in range(self._log.partitions)
            if (self._group, number) not in self._log.owners and number not in self._transport.elsewhere
        )
        partition = next(free, None)
        if partition is None:
            return None
        committed = self._log.committed[self._group]
        positions = {topic: committed.get((topic, partition), Position(0, 0)) for topic in self._topics}
        self._log.owners[self._group, partition] = self
        self._owned.add(partition)
        self._at |= {(topic, partition): position.first_needed for topic, position in positions.items()}
        return Assigned(partition, positions)

    def _leave(self, partition: int) -> int:
        if partition in self._owned:
            self._owned.discard(partition)
            del self._log.owners[self._group, partition]
        return partition

    def _next(self, limit: int) -> Batch | None:
        for place, at in sorted(self._at.items(), key=lambda entry: entry[1]):
            batch = self._log.read(place, at, limit) if place[1] in self._owned else None
            if batch is not None:
                self._at[place] = at + batch.skipped if not batch.positions else batch.positions[-1] + 1
                return batch
        return None


class MemoryFollower:
    """Reads a log."""

    def __init__(self, transport: MemoryTransport, topics: Sequence[str], start: Start | float) -> None:
        self._transport = transport
        self._at = {
            (topic, number): transport.log.start((topic, number), start)
            for topic in topics
            for number in range(transport.log.partitions)
        }
        self._closed = False

    async def read(self, limit: int, wait: float) -> Batch | None:
        """Return the next messages."""
        transport = self._transport
        transport.fail()
        until = transport.clock.monotonic() + wait
        while not (self._closed or transport.closed):
            for place, at in self._at.items():
                batch = transport.log.read(place, at, limit)
                if batch is not None:
                    self._at[place] = at + batch.skipped if not batch.positions else batch.positions[-1] + 1
                    return batch
            if transport.clock.monotonic() >= until:
                break
            await transport.clock.sleep(_LOOK_EVERY)
        return None

    async def close(self) -> None:
        """Stop."""
        self._closed = True


def batch_of(place: Place, messages: Sequence[Message], left: int, skipped: int = 0) -> Batch:
    """Return messages of a log as a batch, with the numbers of those behind it and of those that retention took before it."""
    _, _, positions, times, keys, values = zip(*messages, strict=True) if messages else ((),) * 6
    return Batch(*place, positions, times, keys, values, left, skipped)
