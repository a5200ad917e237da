"""Lines of a file or pipe, as they come: nothing waits for a block to fill, and a line without end takes no memory."""

import select
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from virtpulse.cli.executing import in_daemon_thread
from virtpulse.errors import UsageError
from virtpulse.transports.interface import MAX_MESSAGE_BYTES

STDIN: Final = Path("-")

_BLOCK: Final = 1 << 18


class Line(NamedTuple):
    """A line without its end; `number` counts from 1. One that is too long is cut just above the bound."""

    number: int
    content: bytes


class LineReader:
    """Cuts blocks into lines. Blank lines are counted, not returned."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream
        self._rest = b""
        self._number = 0

    async def read(self) -> Sequence[Line] | None:
        """Return the lines that are complete by now, perhaps none; None at the end."""
        block = await in_daemon_thread(self._read_some)
        if block:
            return self._numbered(self._cut(block))
        last, self._rest = self._rest, b""
        return self._numbered([last]) if last else None

    def _read_some(self) -> bytes:
        while (block := self._stream.read(_BLOCK)) is None:  # somebody who shares this input has made it non-blocking
            select.select([self._stream], [], [])
        return block

    def _cut(self, block: bytes) -> list[bytes]:
        if len(self._rest) > MAX_MESSAGE_BYTES:  # nothing more of this line is kept
            _, end, following = block.partition(b"\n")
            block = end + following
        *complete, rest = (self._rest + block).split(b"\n") if block else (self._rest,)
        self._rest = rest[: MAX_MESSAGE_BYTES + 1]
        return complete

    def _numbered(self, contents: Sequence[bytes]) -> list[Line]:
        first = self._number + 1
        self._number += len(contents)
        stripped = (content.strip() for content in contents)
        return [Line(number, content) for number, content in enumerate(stripped, first) if content]


@asynccontextmanager
async def line_reader(path: Path) -> AsyncIterator[LineReader]:
    """Open `path`, or standard input where it is `-`. Raises UsageError if it cannot be read."""
    try:
        stream = await in_daemon_thread(lambda: _open(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        msg = f"{'standard input' if path == STDIN else path} cannot be read: {reason}"
        raise UsageError(msg) from error
    with stream:
        yield LineReader(stream)


def _open(path: Path) -> FileIO:
    """Open without a buffer, whose lock a read that never returns would hold when the process wants to end."""
    if path == STDIN:
        return FileIO(sys.stdin.fileno(), closefd=False)
    return FileIO(path)
