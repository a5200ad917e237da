"""Results on standard output: one document a line, for people on a terminal, JSON where a program reads."""

import shutil
import sys
from collections.abc import Callable, Iterable

import orjson


def prints_json(*, asked: bool) -> bool:
    """Say whether JSON is to be printed: where `--json` asks for it or standard output is no terminal."""
    return asked or not sys.stdout.isatty()


def put_lines(lines: Iterable[str | bytes]) -> None:
    """Write lines and hand them on at once. Raises BrokenPipeError where nobody reads any more."""
    stream = sys.stdout.buffer
    stream.writelines((line.encode("utf-8", "backslashreplace") if isinstance(line, str) else line) + b"\n" for line in lines)
    stream.flush()


def put_documents(documents: Iterable[object], pretty: Callable[[object], str] | None) -> None:
    """Write documents as JSON lines, or as `pretty` makes a line of each."""
    put_lines(orjson.dumps(document) if pretty is None else pretty(document) for document in documents)


def fitted(line: str) -> str:
    """Cut a line to the width of the terminal."""
    width = shutil.get_terminal_size((160, 24)).columns
    return line if len(line) <= width else f"{line[: width - 1]}…"
