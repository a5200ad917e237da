"""A thread of its own for calls that may block, such as a write to a pipe that nobody reads."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from virtpulse.errors import FatalError

T = TypeVar("T")


class WorkerThread:
    """Runs one call at a time, in order, without holding up the event loop.

    The thread is a daemon: a call that never returns does not keep the process from ending. A caller that is cancelled
    leaves its call running, and the next caller waits until that has ended: at most one call is ever under way.
    """

    def __init__(self, name: str) -> None:
        self._free = asyncio.Semaphore(1)
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._ended = False

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns, or raise what it raises."""
        return await (await self.begin(call))

    async def begin(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Return once `call` is under way; the future has its outcome. One that is cancelled before that is not made.

        Raises FatalError if the thread was ended meanwhile: nobody would make the call.
        """
        await self._free.acquire()
        if self._ended:
            self._free.release()
            msg = f"the thread {self._thread.name} was ended before the call was made"
            raise FatalError(msg)
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put(lambda: self._do(call, loop, done))
        return done

    def end(self, last: Callable[[], object]) -> None:
        """End the thread after the call under way and `last`, without waiting for that."""
        self._ended = True
        self._jobs.put(last)
        self._jobs.put(None)

    async def close(self, patience: float) -> None:
        """End the thread after the call under way; give up waiting for that after `patience` seconds."""
        self._ended = True
        self._jobs.put(None)
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            return
        self._free.release()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _do(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            self._tell(loop, done, partial(done.set_exception, error))
        else:
            self._tell(loop, done, partial(done.set_result, result))

    def _tell(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[T], settle: Callable[[], None]) -> None:
        def finish() -> None:
            self._free.release()
            if not done.cancelled():
                settle()

        with suppress(RuntimeError):  # the loop was closed, and nobody waits there any more
            loop.call_soon_threadsafe(finish)
