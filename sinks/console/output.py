"""Standard output as a place to write whole batches to."""

import os
import select
from typing import Final

from virtpulse.errors import FatalError, OutputClosedError
from virtpulse.thread import WorkerThread

_LAST_WAIT: Final = 1.0  # seconds for which closing waits for a reader that has stalled
_POLL_MS: Final = 1_000


class Output:
    """Writes bytes to a file descriptor, from a thread: a reader that stalls holds up the writer, never the event loop."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._thread = WorkerThread("console-output")

    async def write(self, data: bytes) -> None:
        """Return once the system has taken all of `data`. Raises FatalError once nobody can read it any more."""
        await self._thread.run(lambda: write_all(self._fd, data))

    async def close(self) -> None:
        """Let a write that is under way end, if it does so soon."""
        await self._thread.close(_LAST_WAIT)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; blocks while the reader stalls.

    Raises OutputClosedError once the reader has left, FatalError where writing fails for another reason.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[_write_some(fd, rest) :]
    except BrokenPipeError as error:
        msg = "standard output was closed by its reader"
        raise OutputClosedError(msg) from error
    except OSError as error:
        msg = f"standard output cannot be written: {error.strerror}"
        raise FatalError(msg) from error


def _write_some(fd: int, data: memoryview) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:  # somebody who shares this pipe or terminal has made it non-blocking
        waiting = select.poll()
        waiting.register(fd, select.POLLOUT)
        waiting.poll(_POLL_MS)
        return 0
