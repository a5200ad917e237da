"""One file of whole lines, durable after each write."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

_BLOCK: Final = 65_536


class TakenError(Exception):
    """Another process writes to this file."""


class LineFile:
    """A file that this process alone appends to, in whole lines. Everything here may block, and raises OSError.

    `size` is how many bytes are stored, all of them in whole lines.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self.size = 0

    @classmethod
    def create(cls, path: Path) -> "LineFile":
        """Begin a file. Raises FileExistsError rather than touch one that is there."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        return cls._locked(path, fd)

    @classmethod
    def resume(cls, path: Path) -> "LineFile":
        """Go on with a file, after cutting off a last line that a crash left torn. Raises TakenError."""
        file = cls._locked(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))
        try:
            file.repair()
        except OSError:
            file.close()
            raise
        return file

    def repair(self) -> None:
        """Cut off what stands behind the last line end."""
        length = os.fstat(self._fd).st_size
        self.size = _end_of_lines(self._fd, length)
        if self.size < length:
            self._cut()

    @classmethod
    def _locked(cls, path: Path, fd: int) -> "LineFile":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sync_folder(path.parent)
        except BlockingIOError:
            os.close(fd)
            raise TakenError from None
        except OSError:
            os.close(fd)
            raise
        return cls(path, fd)

    def append(self, data: bytes) -> None:
        """Store whole lines durably; if that fails, none of them stays in the file."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fsync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):  # the first error is the one that counts; `resume` cuts what is left
                self._cut()
            raise
        self.size += len(data)

    def close(self) -> None:
        """Let go of the file; what was appended is stored already."""
        os.close(self._fd)

    def _cut(self) -> None:
        os.ftruncate(self._fd, self.size)
        os.fsync(self._fd)


def _end_of_lines(fd: int, length: int) -> int:
    """Return the position behind the last line end before `length`."""
    while length:
        start = max(0, length - _BLOCK)
        found = os.pread(fd, length - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        length = start
    return 0


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
