"""Where in a TOML text a key stands."""

import tomllib
from typing import Final

KeyPath = tuple[str, ...]

_MULTILINE: Final = ('"""', "'''")
_TRIES: Final = 16  # equals signs of a line that may end its key; each try reads the line anew


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of each table and key of a valid TOML text.

    Keys inside an inline table or a multi-line array are not found: their outermost key's line has to do. Nor are those
    that hold many equals signs.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            quote = "" if line.count(quote) % 2 else quote
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            table = _header(stripped) or table
            lines.setdefault(table, number)
            continue
        key = _key(stripped)
        if key:
            lines.setdefault(table + key, number)
        quote = next((mark for mark in _MULTILINE if line.count(mark) % 2), "")
    return lines


def _header(line: str) -> KeyPath:
    try:
        return _only_path(tomllib.loads(line))
    except tomllib.TOMLDecodeError:  # a line of a multi-line array, such as `["a"],`
        return ()


def _key(line: str) -> KeyPath:
    """Return the key that an assignment begins with; a key in quotes may itself hold an equals sign."""
    if line.startswith("#"):
        return ()
    end = -1
    for _ in range(_TRIES):
        end = line.find("=", end + 1)
        if end < 0:
            break
        try:
            return _only_path(tomllib.loads(f"{line[:end]} = 0"))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
    return ()


def _only_path(tree: object) -> KeyPath:
    path: list[str] = []
    while True:
        if isinstance(tree, list) and tree:
            tree = tree[0]
        if not isinstance(tree, dict) or not tree:
            return tuple(path)
        key, tree = next(iter(tree.items()))
        path.append(key)
