"""Where in a TOML text a key stands."""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

KeyPath = tuple[str | int, ...]  # names of tables and keys, and behind an array's name the number of its element, from 1

_TRIES: Final = 16  # equals signs of a line that may end its key; each try reads the line anew
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # texts, which may hold anything
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of each table, element of an array of tables, and key of a valid TOML text.

    Keys inside an inline table or an array that is written as one are not found: their outermost key's line has to do. Nor
    are those that hold many equals signs.
    """
    lines: dict[KeyPath, int] = {}
    elements: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        if statement.startswith("["):
            table = _table(_only_path(tomllib.loads(statement)), elements)
            if statement.startswith("[["):
                lines.setdefault(table, number)
                elements[table] = elements.get(table, 0) + 1
                table = (*table, elements[table])
            lines.setdefault(table, number)
        elif key := _key(statement):
            lines.setdefault(table + key, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header and assignment, with the line that it begins on."""
    begun, number, line, depth = 0, 1, 1, 0
    for token in _TOKEN.finditer(f"{text}\n"):
        found = token[0]
        line += found.count("\n")
        depth += (found in {"[", "{"}) - (found in {"]", "}"})
        if found == "\n" and depth == 0:
            yield number, text[begun : token.start()].strip()
            begun, number = token.end(), line


def _table(names: KeyPath, elements: dict[KeyPath, int]) -> KeyPath:
    """Return the path of a header's table: a name that is an array's on the way there stands for its last element."""
    path: KeyPath = ()
    for name in names:
        path = (*path, elements[path], name) if path in elements else (*path, name)
    return path


def _key(statement: str) -> KeyPath:
    """Return the key that an assignment begins with; a key in quotes may itself hold an equals sign."""
    if statement.startswith("#"):
        return ()
    end = -1
    for _ in range(_TRIES):
        end = statement.find("=", end + 1)
        if end < 0:
            break
        try:
            return _only_path(tomllib.loads(f"{statement[:end]} = 0"))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
    return ()


def _only_path(tree: object) -> KeyPath:
    path: list[str] = []
    while True:
        if isinstance(tree, list):
            tree = tree[0]
        if not isinstance(tree, dict) or not tree:
            return tuple(path)
        key, tree = next(iter(tree.items()))
        path.append(key)
