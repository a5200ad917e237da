"""A thread with a SQLite connection of its own: the event loop never waits for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from virtpulse.errors import FatalError
from virtpulse.logs import get_logger
from virtpulse.thread import WorkerThread
from virtpulse.transports.local.failures import explained
from virtpulse.transports.local.schema import open_database

P = ParamSpec("P")
R = TypeVar("R")

Work = Callable[Concatenate[sqlite3.Connection, P], R]

CERTAIN_WITHIN: Final = 2.0  # seconds of the loop's own clock
_CLOSE_WITHIN: Final = 1.0  # the same
_log = get_logger(__name__)


class DatabaseThread:
    """Runs one piece of work after the other on its thread. Errors come out as RetryableError or FatalError.

    A disk that does not answer keeps neither a cancelled caller nor the process from ending.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._thread = WorkerThread(name)
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the log."""
        self._refuse_if_closed()
        await self._thread.run(self._open)

    async def ask(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do work that changes nothing; a cancelled caller leaves at once."""
        self._refuse_if_closed()
        return await self._thread.run(self._on_connection(work, *args, **kwargs))

    async def settle(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do work that changes the log. A caller that is cancelled, once or more, leaves when it is certain what became of it.

        Work that had not begun is not done. Work that had is waited for, and is then stored or not as a whole; if that takes
        longer than CERTAIN_WITHIN, the caller leaves all the same, and the log says so.
        """
        self._refuse_if_closed()
        begun = await self._thread.begin(self._on_connection(work, *args, **kwargs))
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            begun.add_done_callback(_looked_at)
            await self._certain(begun)
            raise

    async def close(self) -> None:
        """Finish what was begun, close the connection, end the thread; leave it behind if the disk does not answer."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await self._thread.run(self._close)
        except TimeoutError:
            _log.warning("the log could not be closed in time", log=str(self._path), seconds=_CLOSE_WITHIN)
        finally:
            self._thread.end(self._close)  # once the disk answers, where it did not

    async def _certain(self, begun: "asyncio.Future[R]") -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + CERTAIN_WITHIN
        while not begun.done() and (left := until - loop.time()) > 0:
            with suppress(asyncio.CancelledError):  # the caller raises the first one
                await asyncio.wait([begun], timeout=left)
        if not begun.done():
            _log.warning("left a write whose outcome is not certain", log=str(self._path), seconds=CERTAIN_WITHIN)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            msg = f"the log {self._path} was closed: nothing more can be read or written through it"
            raise FatalError(msg)

    def _open(self) -> None:
        if self._connection is None:
            self._connection = open_database(self._path)

    def _on_connection(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
        def task() -> R:
            if self._connection is None:
                msg = f"the log {self._path} is not open: start the transport first"
                raise FatalError(msg)
            with explained(self._path):
                return work(self._connection, *args, **kwargs)

        return task

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with explained(self._path):
                connection.close()


def _looked_at(begun: "asyncio.Future[R]") -> None:
    if not begun.cancelled():
        begun.exception()
