"""Standard error while the live table has the terminal: kept aside, so that no log line tears the table."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT_LINES: Final = 1_000
_LONGEST_LINE: Final = 8_192
_READ_BYTES: Final = 65_536
_LAST_WAIT: Final = 0.5  # seconds to wait for what is still on its way


class KeptStderr:
    """While open, a pipe stands in for the file descriptor of standard error.

    So it holds for every writer: loggers that were set up long before, tracebacks, libraries, child processes. The
    latest lines can be shown below the table; closing writes out all that was kept, the last 1,000 lines at most.
    """

    def __init__(self, fd: int, on_lines: Callable[[], None]) -> None:
        self._fd = fd
        self._on_lines = on_lines
        self._kept: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._count = 0
        self._saved = os.dup(fd)
        self._reading, writing = os.pipe()
        os.dup2(writing, fd)
        os.close(writing)
        self._thread = threading.Thread(target=self._read, name="console-stderr", daemon=True)
        self._thread.start()

    def tail(self, count: int) -> list[str]:
        """Return the latest lines as they were written, at most `count`."""
        return [line.decode("utf-8", "backslashreplace") for line in list(self._kept)[-count:]]

    def close(self) -> None:
        """Put standard error back, and write to it what was kept."""
        os.dup2(self._saved, self._fd)
        os.close(self._saved)
        self._thread.join(_LAST_WAIT)
        missing = self._count - len(self._kept)
        if missing:
            self._kept.appendleft(b"(%d earlier lines were not kept)" % missing)
        rest = b"".join(line + b"\n" for line in self._kept)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _read(self) -> None:
        partial = b""
        while data := os.read(self._reading, _READ_BYTES):
            *lines, partial = (partial + data).split(b"\n")
            self._keep(lines)
            if len(partial) > _LONGEST_LINE:
                self._keep([partial])
                partial = b""
        self._keep([partial] if partial else [])
        os.close(self._reading)

    def _keep(self, lines: list[bytes]) -> None:
        self._kept.extend(line[:_LONGEST_LINE] for line in lines)
        self._count += len(lines)
        if lines:
            self._on_lines()
