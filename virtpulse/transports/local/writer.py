"""The one place that changes the log: publishing, transferring, and trimming behind them."""

import asyncio
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from virtpulse.clock import Clock
from virtpulse.errors import FatalError, RefusedError, RetryableError
from virtpulse.logs import get_logger
from virtpulse.topics import Topic
from virtpulse.transports.interface import Outgoing, Position
from virtpulse.transports.local.appending import append, validate
from virtpulse.transports.local.database_thread import DatabaseThread, Work
from virtpulse.transports.local.leases import Member, require_owner, store_positions
from virtpulse.transports.local.notifier import Notifier
from virtpulse.transports.local.retention import Bounds, bounds_of, shrink_wal, trim
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transactions import writing

P = ParamSpec("P")
R = TypeVar("R")

_TRIM_SECONDS: Final = 5.0
_IDLE_TRIM_SECONDS: Final = 60.0
_TRIM_STEPS: Final = 1_000  # at a time
_log = get_logger(__name__)


class Writer:
    """Writes to the log at `path` on a thread of its own, notifies readers after each commit, trims every few seconds."""

    def __init__(
        self, path: Path, clock: Clock, notifier: Notifier, settings: LocalSettings, topics: Mapping[str, Topic]
    ) -> None:
        self._path = path
        self._clock = clock
        self._notifier = notifier
        self._settings = settings
        self._topics = topics
        self._database = DatabaseThread(path, "local-writer")
        self._grown = False  # since the last trimming
        self._trimming: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the log, creating it if it is missing."""
        await self._database.open()
        if self._trimming is None:
            self._trimming = asyncio.create_task(self._keep_trimming(), name="trimming of the local log")

    async def close(self) -> None:
        """Finish what was begun and close the log."""
        if self._trimming is not None:
            self._trimming.cancel()
            await asyncio.wait([self._trimming])
        await self._database.close()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Store the messages durably. Raises RefusedError if only those that it names were not stored."""
        if not messages:
            return
        reasons = await self._database.settle(self._publish, messages)
        self._grown = True
        if reasons:
            raise RefusedError(reasons)

    async def transfer(
        self, messages: Sequence[Outgoing], positions: Mapping[str, Position], member: Member, generation: int
    ) -> None:
        """Store the messages and a group's positions as one step, if this member is the owner and none is refused."""
        await self._database.settle(self._transfer, messages, positions, member, generation)
        self._grown = True

    async def run(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do other work that changes the log."""
        return await self._database.settle(work, *args, **kwargs)

    async def run_and_notify(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the same and let everybody look."""
        result = await self.run(work, *args, **kwargs)
        await self._database.settle(self._notify)
        return result

    def _publish(self, connection: sqlite3.Connection, messages: Sequence[Outgoing]) -> dict[int, str]:
        accepted, reasons = validate(messages)
        if accepted:
            with self._storing(connection):
                for column in accepted:
                    append(connection, column, self._clock.time(), self._topics)
        return reasons

    def _transfer(
        self,
        connection: sqlite3.Connection,
        messages: Sequence[Outgoing],
        positions: Mapping[str, Position],
        member: Member,
        generation: int,
    ) -> None:
        accepted, reasons = validate(messages)
        if reasons:
            raise RefusedError(reasons)
        with self._storing(connection):
            require_owner(connection, member, generation)
            for column in accepted:
                append(connection, column, self._clock.time(), self._topics)
            store_positions(connection, member.group, positions)

    @contextmanager
    def _storing(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Hold the write transaction. An error means that nothing was stored, so nothing may fail once it is committed."""
        with writing(connection):
            yield
            self._notifier.check()
        self._notifier.notify()

    def _notify(self, _connection: sqlite3.Connection) -> None:
        self._notifier.notify()

    async def _keep_trimming(self) -> None:
        """Trim at once, then soon after something was stored; now and then in any case, as what nobody adds to ages too."""
        trimmed = -math.inf
        while True:
            now = self._clock.monotonic()
            if self._grown or now - trimmed >= _IDLE_TRIM_SECONDS:
                self._grown, trimmed = False, now
                await self._trim()
            await self._clock.sleep(_TRIM_SECONDS)

    async def _trim(self) -> None:
        try:
            for _ in range(_TRIM_STEPS):
                if not await self._database.settle(trim, self._bounds, self._clock.time()):
                    break
            else:
                self._grown = True  # the rest is for the next time
            await self._database.settle(shrink_wal, self._path)
        except (RetryableError, FatalError) as error:
            _log.warning("old messages could not be removed", error=str(error))
        except Exception as error:  # noqa: BLE001 - a fault here must not end the trimming for good: logged with its place
            _log.error("old messages could not be removed, by a fault in the program", exc_info=error)

    def _bounds(self, topic: str) -> Bounds:
        return bounds_of(self._topics.get(topic, Topic(topic)), self._settings)
