"""A thread with a SQLite connection of its own: the event loop never waits for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from virtpulse.errors import FatalError
from virtpulse.transports.local.failures import explained
from virtpulse.transports.local.schema import open_database

P = ParamSpec("P")
R = TypeVar("R")

Work = Callable[Concatenate[sqlite3.Connection, P], R]


class Lane:
    """Runs one piece of work after the other on its thread. Errors come out as RetryableError or FatalError."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the log."""
        await asyncio.wrap_future(self._submit(self._open))

    async def ask(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do work that changes nothing; a cancelled caller leaves at once."""
        return await asyncio.wrap_future(self._submit(self._on_connection(work, *args, **kwargs)))

    async def settle(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do work that changes the log. A cancelled caller leaves when it is certain what became of it.

        Work that had not begun is not done. Work that had is waited for, and is then stored or not as a whole.
        """
        pending: Future[R] = self._submit(self._on_connection(work, *args, **kwargs))
        waiter = asyncio.wrap_future(pending)
        try:
            return await asyncio.shield(waiter)
        except asyncio.CancelledError:
            waiter.add_done_callback(_looked_at)
            if not pending.cancel():
                await asyncio.wait([waiter])
            raise

    async def close(self) -> None:
        """Finish what was begun, close the connection, end the thread."""
        try:
            closing = self._pool.submit(self._close)
        except RuntimeError:  # closed before
            return
        self._pool.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))

    def _submit(self, task: Callable[[], R]) -> Future[R]:
        try:
            return self._pool.submit(task)
        except RuntimeError as error:
            msg = f"the log {self._path} was closed: nothing more can be read or written through it"
            raise FatalError(msg) from error

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
        if self._connection is not None:
            with explained(self._path):
                self._connection.close()
            self._connection = None


def _looked_at(waiter: "asyncio.Future[R]") -> None:
    if not waiter.cancelled():
        waiter.exception()
