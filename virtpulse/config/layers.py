"""The places that settings come from - file, environment, command line - each read into a layer, and laid over one another."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from virtpulse.config.lines import KeyPath, key_lines
from virtpulse.errors import UsageError
from virtpulse.redaction import redact

CONFIG_VARIABLE: Final = "VIRTPULSE_CONFIG"

_PREFIX: Final = "VIRTPULSE_"
_NESTING: Final = "__"
_MOST_BYTES: Final = 1 << 20  # of a file
_EXAMPLE: Final = "as in VIRTPULSE_PROCESSORS__WINDOWS__SIZE"


@dataclass(frozen=True, slots=True)
class Written:
    """A value that was given as text, outside the file: `value` as TOML reads it, `text` as it was typed."""

    value: Any
    text: str


@dataclass(slots=True)
class Layer:
    """Nested tables, and for each key the place where it was set.

    `beneath` finds the places of the file's keys; it is called once an error is to name one.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    beneath: Callable[[], Mapping[KeyPath, str]] = dict

    def place(self, path: KeyPath) -> str:
        """Return where `path`, or else the table around it, was set; "" if nowhere."""
        beneath = self.beneath()
        around = (path[:length] for length in range(len(path), 0, -1))
        return next((place for place in (self.places.get(part) or beneath.get(part) for part in around) if place), "")

    def place_inside(self, path: KeyPath) -> str:
        """Return where a key inside of `path` was set outside the file; "" if none was."""
        inside = (place for key, place in self.places.items() if len(key) > len(path) and key[: len(path)] == path)
        return next(inside, "")

    def put(self, path: tuple[str, ...], value: object, place: str) -> None:
        """Set one key. Raises UsageError where a part of the way to it is a value, not a table."""
        table = self.tree
        for depth, name in enumerate(path[:-1], start=1):
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                msg = f"{'.'.join(path)} ({place}): {'.'.join(path[:depth])} is a value, not a table"
                raise UsageError(msg)
            table = inner
        table[path[-1]] = value
        self.places[path] = place

    def lay(self, upper: "Layer") -> None:
        """Put another layer over this one: its values win, its tables are merged."""
        _merge(self.tree, upper.tree)
        self.places.update(upper.places)


def from_file(path: Path) -> Layer:
    """Read a TOML file. Raises UsageError with the line where it is not TOML."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            msg = f"the configuration {path} is too large: at most {_MOST_BYTES} bytes are read"
            raise UsageError(msg)
        text = content.decode("utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        msg = f"the configuration {path} cannot be read: {error.strerror or error}"
        raise UsageError(msg) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"the configuration {path} is not UTF-8 text: line {line} has the byte 0x{error.object[error.start]:02x}"
        raise UsageError(msg) from error
    except (ValueError, OverflowError) as error:
        msg = f"the configuration {path} is not TOML: {redact(str(error))}"
        raise UsageError(msg) from error
    except RecursionError as error:
        msg = f"the configuration {path} is nested too deeply"
        raise UsageError(msg) from error
    return Layer(tree, beneath=cache(partial(_places, path, text)))


def _places(path: Path, text: str) -> Mapping[KeyPath, str]:
    return {key: f"line {line} of {path}" for key, line in key_lines(text).items()}


def from_environment(environ: Mapping[str, str], tops: Iterable[str], roles: Iterable[Sequence[str]]) -> Layer:
    """Read `VIRTPULSE_TABLE__KEY=VALUE`, and `VIRTPULSE_KEY` for the keys in `tops`; `roles` are the paths of roles' tables.

    Other variables without a double underscore are left alone, as people keep secrets in such, unless they look like a
    setting. Empty ones count as not set. Raises UsageError for what is meant as a setting and names none.
    """
    layer = Layer()
    known = set(tops)
    tables = list(roles)
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith(_PREFIX) or variable == CONFIG_VARIABLE or not text:
            continue
        path = tuple(variable.removeprefix(_PREFIX).lower().split(_NESTING))
        place = f"environment variable {variable}"
        if len(path) == 1 and path[0] not in known:
            _refuse_likeness(path[0], known, tables, place)
            continue
        if not all(path):
            msg = f"{place} names no setting: write {_PREFIX}TABLE{_NESTING}KEY, {_EXAMPLE}"
            raise UsageError(msg)
        layer.put(path, _written(text), place)
    return layer


def _refuse_likeness(name: str, tops: Iterable[str], roles: Iterable[Sequence[str]], place: str) -> None:
    """Refuse a variable that is a slip of the pen: a name at the top misspelt, or a role's key behind one underscore."""
    near = difflib.get_close_matches(name, tops, n=1, cutoff=0.8)
    if near:
        msg = f"{place} names no setting; did you mean {_PREFIX}{near[0].upper()}?"
        raise UsageError(msg)
    if any(name.startswith("_".join((*role, ""))) for role in roles):
        msg = f"{place} names no setting: tables and keys are joined with two underscores, {_EXAMPLE}"
        raise UsageError(msg)


def from_arguments(assignments: Sequence[str]) -> Layer:
    """Read the `KEY=VALUE` of each `--set`. Raises UsageError for one that is not."""
    layer = Layer()
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            msg = f'--set must be KEY=VALUE, as in --set processors.windows.size=2s, got "{key[:80]}"'
            raise UsageError(msg)
        layer.put(path, _written(text.strip()), f"--set {key.strip()}")
    return layer


def _written(text: str) -> Written:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, OverflowError, RecursionError):
        return Written(text, text)
    return Written(parsed["value"], text) if len(parsed) == 1 else Written(text, text)


def _merge(lower: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for name, value in upper.items():
        present = lower.get(name)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        else:
            lower[name] = value
