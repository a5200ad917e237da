"""Files of JSON lines as a destination."""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Final

from sinks.documents import split
from sinks.jsonl.rotation import RotatingFiles
from sinks.jsonl.settings import JsonlSettings
from virtpulse.clock import Clock
from virtpulse.errors import FatalError, RefusedError, RetryableError
from virtpulse.thread import WorkerThread
from virtpulse.transports.interface import Batch

_LAST_WAIT: Final = 0.5  # seconds for which closing waits for a write to a slow disk; the runtime waits a little longer
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT}
)


class JsonlSink:
    """Writes each document as a line of JSON, byte for byte, to files that rotate by size and age.

    `write` returns once the lines are on the disk, so what is acknowledged is stored. At least once: after a crash
    between the write and its acknowledgement the whole batch, 500 messages at most, stands in the files twice. Files
    hold whole lines only: a last line that a crash left torn was never acknowledged, and is cut off at the next start.
    The same file is never written by two processes: a second one begins its own.
    """

    def __init__(self, settings: JsonlSettings, clock: Clock) -> None:
        self._files: dict[str, RotatingFiles] = {topic: RotatingFiles(settings, topic, clock) for topic in settings.topics}
        self._thread = WorkerThread("jsonl")

    async def start(self) -> None:
        """Open or begin the files. Raises FatalError or RetryableError with what to do."""
        for files in self._files.values():
            await self._run(files.open)

    async def write(self, batch: Batch) -> None:
        """Store the batch. Raises RefusedError for messages that are not JSON, RetryableError while the disk is full."""
        found = split(batch)
        files = self._files.get(batch.topic)
        if files is None:
            msg = f"the jsonl sink got a batch of {batch.topic}, which is not among sinks.jsonl.topics"
            raise FatalError(msg)
        if found.lines:
            await self._run(lambda: files.append(found.lines))
        if found.refused:
            raise RefusedError(found.refused)

    async def close(self) -> None:
        """Close the files; all that was written is stored already. Raises RetryableError if a write does not end."""
        try:
            async with asyncio.timeout(_LAST_WAIT):
                for files in self._files.values():
                    await self._run(files.close)
        except TimeoutError as error:
            msg = f"a write of JSON lines did not end within {_LAST_WAIT:g} s; look after the disk"
            raise RetryableError(msg) from error
        finally:
            await self._thread.close(0.0)

    async def _run(self, call: Callable[[], None]) -> None:
        try:
            await self._thread.run(call)
        except OSError as error:
            raise _decision(error) from error


def _decision(error: OSError) -> RetryableError | FatalError:
    """Return what the caller should do about an error of the file system."""
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, (str, bytes)) else ""
    reason = f"{error.strerror}{where}"
    if error.errno in _NO_ROOM:
        return RetryableError(f"no room for JSON lines: {reason}; free some space, or lower sinks.jsonl.keep")
    if error.errno in _NOT_ALLOWED:
        return FatalError(f"JSON lines cannot be written: {reason}; let sinks.jsonl.path name a folder that may be written to")
    return RetryableError(f"JSON lines could not be written: {reason}; look after the disk")
