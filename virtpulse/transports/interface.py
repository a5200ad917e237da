"""What a role may ask of a transport. A role never knows which one it got.

A topic has numbered partitions; a message of a partition has a position, larger than those before it. All topics of a
deployment have the same number of partitions, and what is derived from partition p is written to partition p.

Adapters raise `RetryableError`, `FatalError`, `RefusedError` and `PartitionLostError` and nothing else of their own;
retrying and backing off is the runtime's business. Whatever is raised, nothing was stored, except as `publish` says; a
cancelled call that writes returns once it is certain what became of it, or after a few seconds where the disk or the
server does not answer.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

MAX_MESSAGE_BYTES = 16 << 20  # what a transport takes at most; documents are bounded more tightly, by `messages.bounds`


class Outgoing(NamedTuple):
    """A message to be published. Without `partition` the key decides; an empty value removes the key of a compacted topic."""

    topic: str
    key: str
    value: bytes
    partition: int | None = None


class Message(NamedTuple):
    """A stored message: where it is, when the log took it in (seconds since the epoch), its key and value."""

    topic: str
    partition: int
    position: int
    time: float
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition of one topic, in the order of the log, as columns of equal length.

    `remaining` counts what the partition held behind this batch when the log was last looked at. It is 0 only if that was
    in the very call that returns the batch: then the reader has read to the end. `skipped` counts the messages just before
    this batch that retention took before they were read. A batch may be empty.
    """

    topic: str
    partition: int
    positions: Sequence[int]
    times: Sequence[float]
    keys: Sequence[str]
    values: Sequence[bytes]
    remaining: int = 0
    skipped: int = 0

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.values)

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages one by one; for code where a call a message does not matter."""
        for position, time, key, value in zip(self.positions, self.times, self.keys, self.values, strict=True):
            yield Message(self.topic, self.partition, position, time, key, value)

    def slice(self, start: int, stop: int) -> "Batch":
        """Return the messages from index `start` to before `stop`; what lies behind counts as remaining.

        `skipped` goes with the first part.
        """
        cut = len(self.values) - min(stop, len(self.values))
        return Batch(
            self.topic, self.partition, self.positions[start:stop], self.times[start:stop],
            self.keys[start:stop], self.values[start:stop], self.remaining + cut, self.skipped if start == 0 else 0,
        )  # fmt: skip


class Position(NamedTuple):
    """How far a group is in one partition of one topic.

    `first_needed` (O): where the next owner starts to read; `following` (C): the next message to be processed, so that
    the messages in [O, C) are only replayed. Never O > C.
    """

    first_needed: int
    following: int


@dataclass(frozen=True, slots=True)
class Progress:
    """An acknowledgement, as a value: the positions of one partition number, by topic."""

    partition: int
    positions: Mapping[str, Position]


@dataclass(frozen=True, slots=True)
class Assigned:
    """This worker owns the partition number from now on; reading starts at each topic's `first_needed`.

    A topic that the group has never committed starts at the log's beginning, with both numbers equal. `skipped`
    counts messages from the group's `first_needed` on that retention took: not read yet, or to be read again.
    """

    partition: int
    positions: Mapping[str, Position]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Revoked:
    """This worker no longer owns the partition number: its state must be dropped, nothing more may be written."""

    partition: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing came within the wait: no partition is owned yet, or all that are were read to their end."""

    owned: Sequence[int] = field(default=())


Event = Assigned | Revoked | Batch | Waiting


class Start(Enum):
    """Where a follower begins, unless at a moment: with the oldest that is there, or with what comes from now on."""

    BEGINNING = "start"
    NOW = "now"


class Subscription(Protocol):
    """A group's reading of some topics: each partition has one owner, positions are kept by the transport."""

    async def read(self, limit: int, wait: float) -> Event:
        """Return the next event: at most `limit` messages, after at most `wait` seconds.

        Messages of a partition come after its `Assigned` and, by topic, in order and without gaps but those of retention.
        Raises RetryableError, FatalError, or PartitionLostError in place of `Revoked`; a call that failed or was cancelled
        loses nothing.
        """
        ...

    async def transfer(self, messages: Sequence[Outgoing], progress: Progress) -> None:
        """Publish `messages` and acknowledge `progress` as one step: both are stored, or neither.

        Raises PartitionLostError if this worker is not the owner any more, RefusedError if some of `messages` will never be
        taken, RetryableError or FatalError. Nothing is stored then, after a refusal neither: the caller decides what takes
        the place of the refused messages, and makes the step again.
        """
        ...

    async def close(self) -> None:
        """Give the partitions back; a `read` that waits returns. Raises FatalError."""
        ...


class Follower(Protocol):
    """A reading of some topics that nobody else sees: no group, no acknowledgement."""

    async def read(self, limit: int, wait: float) -> Batch | None:
        """Return the next messages of one topic, or None if nothing came within `wait` seconds or it was closed.

        Raises RetryableError or FatalError; a call that failed or was cancelled loses nothing.
        """
        ...

    async def close(self) -> None:
        """Stop; a `read` that waits returns None."""
        ...


class Transport(Protocol):
    """A way to publish and read messages."""

    async def start(self) -> None:
        """Connect, create what is missing. Raises RetryableError or FatalError with what to do."""
        ...

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once every message is stored durably. Messages of one key keep their order.

        Raises RetryableError or FatalError if nothing was stored, RefusedError if only those that it names were not, and never
        will be.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join `group` as a new member. Raises RetryableError, or FatalError for a name that cannot be."""
        ...

    async def follow(self, topics: Sequence[str], start: Start | float) -> Follower:
        """Read `topics` from `start` on, all partitions. Raises RetryableError, or FatalError for a name that cannot be.

        A `start` that is a number is a moment, in seconds since the epoch: it begins with the first message that the log took
        in at that moment or later. Where the log's clock jumped back, it may begin with a later one that was taken in then.
        """
        ...

    def latest(self, topic: str, partition: int) -> AsyncGenerator[Batch, None]:
        """Yield the latest message of each key of a compacted topic's partition, as it is when the first batch is asked for.

        Whoever asks closes it. Raises RetryableError or FatalError, and ends with that; a new call begins anew.
        """
        ...

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Return for each partition the position that its next message will get. Raises RetryableError or FatalError."""
        ...

    async def positions(self, group: str) -> Mapping[tuple[str, int], Position]:
        """Return where `group` stands, by topic and partition. Raises RetryableError or FatalError."""
        ...

    async def close(self) -> None:
        """Close what is open; readers that wait return. Raises FatalError."""
        ...
