"""Waking readers: a publisher touches the log after each commit, readers watch it by inotify.

Where inotify is missing, readers of the same process are told directly, and the others look four times a second.
"""

import asyncio
import ctypes
import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from virtpulse.clock import Clock
from virtpulse.errors import FatalError
from virtpulse.logs import get_logger

_IN_ATTRIB: Final = 0x4
_DRAIN_BYTES: Final = 65_536
_SAFETY_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.25
_log = get_logger(__name__)

_polling: "weakref.WeakSet[Notifier]" = weakref.WeakSet()
_polling_lock: Final = threading.Lock()


class Notifier:
    """Wakes the readers of the log at `path`, in any process, and lets the readers of one transport wait for that.

    A reader takes `count`, looks at the log, and then waits for the count to change: so it misses nothing that is
    stored while it looks. Everything but `check` and `notify` belongs to the event loop that called `listen`.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.count = 0
        self._path = path
        self._clock = clock
        self._wal = path.with_name(path.name + "-wal")
        self._said = False
        self._file: tuple[int, int] | None = None
        self._wal_file: tuple[int, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: int | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    def bind(self) -> None:
        """Remember which file the path names, and which its write-ahead file."""
        self._file = _identity(self._path)
        self._wal_file = _identity(self._wal)

    def check(self) -> None:
        """Make sure, before a commit, that the path still names the files that are open. Raises FatalError, OSError."""
        if self._wal_file is None:  # SQLite creates it with the first look at the log, and keeps it while the log is open
            self._wal_file = _identity(self._wal)
        if _identity(self._path) != self._file or _identity(self._wal) != self._wal_file:
            msg = f"the log {self._path} or its -wal file was moved, removed or replaced while in use: start again"
            raise FatalError(msg)

    def notify(self) -> None:
        """Tell every reader that something was stored; from any thread. It never fails: readers look by themselves too."""
        try:
            os.utime(self._path)
        except OSError as error:
            if not self._said:
                self._said = True
                _log.warning("readers cannot be woken and look once a second", log=str(self._path), error=error.strerror)
        with _polling_lock:
            listeners = [notifier for notifier in _polling if notifier._file == self._file]  # noqa: SLF001 - of the same class
        for notifier in listeners:
            notifier._wake_soon()  # noqa: SLF001 - of the same class

    def listen(self) -> None:
        """Begin to watch the log; a second call changes nothing."""
        if self._loop is not None:
            return
        self._loop = asyncio.get_running_loop()
        try:
            self._watch = _watch(self._path)
        except (OSError, AttributeError):
            with _polling_lock:
                _polling.add(self)
        else:
            self._loop.add_reader(self._watch, self._touched)

    def close(self) -> None:
        """Stop watching; whoever waits goes on."""
        with _polling_lock:
            _polling.discard(self)
        if self._loop is not None and self._watch is not None:
            self._loop.remove_reader(self._watch)
            os.close(self._watch)
            self._watch = None
        self.wake()

    def wake(self) -> None:
        """Let the readers of this transport look again."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self, seen: int, seconds: float) -> None:
        """Return when the count is not `seen` any more, after `seconds`, or when it is time to look to be safe."""
        if self.count != seen or seconds <= 0:
            return
        waiter = asyncio.get_running_loop().create_future()
        patience = _POLL_SECONDS if self._watch is None else _SAFETY_SECONDS
        timer = asyncio.create_task(self._clock.sleep(min(seconds, patience)))
        self._waiters.add(waiter)
        try:
            await asyncio.wait((waiter, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiters.discard(waiter)
            timer.cancel()
            await asyncio.wait([timer])

    def _touched(self) -> None:
        if self._watch is not None:
            os.read(self._watch, _DRAIN_BYTES)
        self.wake()

    def _wake_soon(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop was closed, and nobody reads there any more
                self._loop.call_soon_threadsafe(self.wake)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino


def _watch(path: Path) -> int:
    """Return a file descriptor that becomes readable when the file is touched. Raises OSError, AttributeError without inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1 failed")
    if libc.inotify_add_watch(descriptor, os.fsencode(path), ctypes.c_uint32(_IN_ATTRIB)) < 0:
        error = ctypes.get_errno()
        os.close(descriptor)
        raise OSError(error, "inotify_add_watch failed", path)
    return descriptor
