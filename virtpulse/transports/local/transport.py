"""The front of the embedded log: what the runtime calls."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from weakref import WeakSet

from virtpulse.clock import Clock
from virtpulse.errors import FatalError
from virtpulse.topics import TOPICS, Topic
from virtpulse.transports.interface import Batch, Outgoing, Position, Start
from virtpulse.transports.local.appending import name_fault
from virtpulse.transports.local.database_thread import DatabaseThread
from virtpulse.transports.local.follower import LocalFollower
from virtpulse.transports.local.latest import latest
from virtpulse.transports.local.leases import stored_positions
from virtpulse.transports.local.log import Log
from virtpulse.transports.local.notifier import Notifier
from virtpulse.transports.local.reading import span
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.starting import start_positions
from virtpulse.transports.local.subscription import LocalSubscription
from virtpulse.transports.local.writer import Writer


class LocalTransport:
    """A durable log in the SQLite file at `path`, shared by any number of processes of this machine.

    A cancelled `publish` returns when it is certain what became of it: all of it is stored, or nothing. Only where the disk
    does not answer for two seconds it leaves before that.
    """

    def __init__(self, path: Path, settings: LocalSettings, clock: Clock, topics: Mapping[str, Topic] = TOPICS) -> None:
        self._path = path.absolute()
        notifier = Notifier(self._path, clock)
        writer = Writer(self._path, clock, notifier, settings, topics)
        self._log = Log(writer, DatabaseThread(self._path, "local-reader"), notifier, clock)
        self._readings: WeakSet[LocalSubscription | LocalFollower] = WeakSet()

    async def start(self) -> None:
        """Open the log, creating it and its folder if missing. Raises RetryableError or FatalError with what to do."""
        await self._log.writer.open()
        self._log.notifier.bind()
        await self._log.reader.open()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once every message is stored durably; all of a call are stored in one transaction.

        Raises RetryableError or FatalError if nothing was stored, RefusedError if only what it names was not.
        """
        await self._log.writer.publish(messages)

    async def subscribe(self, group: str, topics: Sequence[str]) -> LocalSubscription:
        """Join `group` as a new member. Raises FatalError for a name that cannot be."""
        _refuse_names([group, *topics])
        self._log.notifier.listen()
        subscription = LocalSubscription(self._log, group, topics)
        self._readings.add(subscription)
        return subscription

    async def follow(self, topics: Sequence[str], start: Start | float) -> LocalFollower:
        """Read `topics` from `start` on, or from a moment, in seconds since the epoch. Raises FatalError for a bad name."""
        _refuse_names(topics)
        self._log.notifier.listen()
        starts = await self._log.reader.ask(start_positions, topics, start)
        follower = LocalFollower(self._log, starts)
        self._readings.add(follower)
        return follower

    def latest(self, topic: str, partition: int) -> AsyncGenerator[Batch, None]:
        """Yield the latest message of each key of a compacted topic, as it is when the first batch is asked for."""
        return latest(self._path, topic, partition)

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Return the position that the topic's next message will get, by partition."""
        return {0: (await self._log.reader.ask(span, topic)).end}

    async def positions(self, group: str) -> Mapping[tuple[str, int], Position]:
        """Return where `group` stands, by topic and partition."""
        stored = await self._log.reader.ask(stored_positions, group)
        return {(topic, 0): position for topic, position in stored.items()}

    async def close(self) -> None:
        """Give back what is owned, finish what was begun; readers that wait return."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._log.reader.close)
            stack.push_async_callback(self._log.writer.close)
            stack.callback(self._log.notifier.close)
            for reading in tuple(self._readings):
                stack.push_async_callback(reading.close)


def _refuse_names(names: Sequence[str]) -> None:
    for name in names:
        fault = name_fault(name)
        if fault is not None:
            raise FatalError(fault)
