"""Asking filesystems how full they are without ever waiting for one that hangs, as on a dead NFS server."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from producers.host.guard import Notices

Ask = Callable[[str], os.statvfs_result]

LIMIT: Final = 0.1  # seconds that a mount has for its answer


class Mounts:
    """What statvfs says of mount points.

    The calls are made in daemon threads. A mount that has not answered within the limit is left out, and asked again
    only once the thread that waits for it has returned.
    """

    def __init__(self, notices: Notices, ask: Ask = os.statvfs, limit: float = LIMIT) -> None:
        self._notices = notices
        self._ask = ask
        self._limit = limit
        self._hung: dict[str, threading.Thread] = {}

    async def ask(self, mounts: Sequence[str]) -> dict[str, os.statvfs_result]:
        """Return the figures of the mounts that answer; takes at most twice the limit.

        One thread asks all; if one mount holds it up, each of the rest gets a thread of its own.
        """
        self._hung = {mount: thread for mount, thread in self._hung.items() if thread.is_alive()}
        found: dict[str, os.statvfs_result] = {}
        rest = await self._round([[mount for mount in mounts if mount not in self._hung]], found)
        if rest:
            await self._round([[mount] for mount in rest], found)
        return found

    async def _round(self, shares: Sequence[Sequence[str]], found: dict[str, os.statvfs_result]) -> list[str]:
        """Walk the shares side by side; take up the answers and return the mounts that nobody came to ask."""
        walks = [_Walk(share, self._ask) for share in shares if share]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limit):
                for walk in walks:
                    await walk.ended.wait()
        rest: list[str] = []
        for walk in walks:
            rest += walk.abandon()
            found.update(walk.found)
            for mount, error in walk.refused.items():
                self._notices.left_out(f"filesystem {mount}", error)
            if walk.asking is not None:
                self._hung[walk.asking] = walk.thread
                self._notices.left_out(f"filesystem {walk.asking}", f"no answer within {self._limit:g} s; is its server there?")
        return rest


class _Walk:
    """A thread that asks some mounts in turn.

    found, refused: what came of it. asking: the mount that it waits for, when abandoned. ended: set at the end.
    """

    def __init__(self, mounts: Sequence[str], ask: Ask) -> None:
        self.found: dict[str, os.statvfs_result] = {}
        self.refused: dict[str, OSError] = {}
        self.asking: str | None = None
        self.ended = asyncio.Event()
        self._ask = ask
        self._waiting = list(reversed(mounts))
        self._lock = threading.Lock()
        self._abandoned = False
        self._loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._run, name="statvfs", daemon=True)
        self.thread.start()

    def abandon(self) -> list[str]:
        """Let the thread end after the mount that it is at; return those that it has not begun with."""
        with self._lock:
            self._abandoned = True
            return self._waiting[::-1]

    def _run(self) -> None:
        while (mount := self._next()) is not None:
            try:
                answer: os.statvfs_result | OSError = self._ask(mount)
            except OSError as error:
                answer = error
            self._take(mount, answer)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.ended.set)

    def _next(self) -> str | None:
        with self._lock:
            if self._abandoned or not self._waiting:
                return None
            self.asking = self._waiting.pop()
            return self.asking

    def _take(self, mount: str, answer: os.statvfs_result | OSError) -> None:
        with self._lock:
            if self._abandoned:
                return
            self.asking = None
            if isinstance(answer, OSError):
                self.refused[mount] = answer
            else:
                self.found[mount] = answer
