"""Results on standard output: one document a line, for people on a terminal, JSON where a program reads."""

import shutil
import sys
from collections.abc import Iterable

from virtpulse.errors import FatalError
from virtpulse.printable import printable_json


def prints_json(*, asked: bool) -> bool:
    """Return whether JSON is to be printed: where `--json` asks for it or standard output is no terminal."""
    return asked or not sys.stdout.isatty()


def put_lines(lines: Iterable[str | bytes]) -> None:
    """Write lines, texts or JSON, and hand them on at once.

    Raises BrokenPipeError where nobody reads any more, FatalError where they cannot be written for another reason.
    """
    stream, terminal = sys.stdout.buffer, sys.stdout.isatty()
    try:
        stream.writelines(_encoded(line, terminal=terminal) + b"\n" for line in lines)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"standard output cannot be written: {error.strerror or error}"
        raise FatalError(msg) from error


def _encoded(line: str | bytes, *, terminal: bool) -> bytes:
    if isinstance(line, str):
        return line.encode("utf-8", "backslashreplace")
    return printable_json(line) if terminal else line


def fitted(line: str) -> str:
    """Cut a line to the width of the terminal."""
    width = shutil.get_terminal_size((160, 24)).columns
    return line if len(line) <= width else f"{line[: width - 1]}…"
