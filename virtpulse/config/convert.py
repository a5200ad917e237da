"""From tables to typed values: every refusal names the key, where it was set, what was found and what is allowed."""

import difflib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import orjson

from virtpulse.config.layers import Layer, Written
from virtpulse.config.lines import KeyPath
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.redaction import MASK, redact
from virtpulse.units import Duration, Size

S = TypeVar("S", bound=msgspec.Struct)

_ALLOWED: Final[dict[object, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Duration: 'a duration such as "10s", "1m30s" or "250ms"',
    Size: 'a size such as "64MiB" or "1GB"',
    Secret: 'a text, "${NAME}" or "file:PATH"',
    Path: "a path",
}
_FROM_TEXT: Final[dict[type, Callable[[str], object]]] = {
    Duration: Duration.parse,
    Size: Size.parse,
    Secret: Secret,
    Path: Path,
}


def read_struct(kind: type[S], layer: Layer, path: KeyPath, table: Mapping[str, Any]) -> S:
    """Read the table at `path` as `kind`. Raises UsageError."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in fields:
            refuse_unknown(layer, (*path, name), fields)
        field = fields[name]
        values[field.name] = _read_value(field.type, layer, (*path, name), value)
    try:
        return kind(**values)
    except (UsageError, TypeError, ValueError) as error:  # what the type itself checks in __post_init__
        raise _located(layer, kind, path, table, str(error)) from error


def refuse_unknown(layer: Layer, path: KeyPath, known: Iterable[str]) -> None:
    """Raise the UsageError for a key that nobody knows."""
    names = sorted(known)
    near = difflib.get_close_matches(path[-1], names, n=1, cutoff=0.6)
    hint = f"did you mean {_dotted((*path[:-1], near[0]))}? " if near else ""
    allowed = f"known here: {', '.join(names)}" if names else "no key is known here"
    msg = f"{_subject(layer, path)}: unknown key; {hint}{allowed}"
    raise UsageError(msg)


def require_table(layer: Layer, path: KeyPath, value: object) -> Mapping[str, Any]:
    """Return `value` as the table that it must be. Raises UsageError."""
    plain = value.value if isinstance(value, Written) else value
    if not isinstance(plain, dict):
        msg = f"{_subject(layer, path)} must be a table, [{_dotted(path)}], got {_shown(plain)}"
        raise UsageError(msg)
    return plain


def _read_value(kind: Any, layer: Layer, path: KeyPath, value: object) -> object:  # noqa: ANN401 a type form
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return read_struct(kind, layer, path, require_table(layer, path, value))
    candidates = [value.value, value.text] if isinstance(value, Written) else [value]
    for candidate in candidates:
        try:
            return msgspec.convert(candidate, kind, dec_hook=_decode)
        except msgspec.ValidationError as error:
            reason = str(error)
    found = MASK if Secret in _members(kind) else _shown(candidates[0])
    allowed = _allowed(kind)
    bound = reason if "Expected" in reason and (">" in reason or "<" in reason or "length" in reason) else ""
    msg = f"{_subject(layer, path)} must be {allowed}, got {found}{f' ({bound})' if bound else ''}"
    raise UsageError(msg)


def _decode(kind: type, value: object) -> object:
    if not isinstance(value, str):
        msg = f"must be {_ALLOWED[kind]}"
        raise TypeError(msg)
    return _FROM_TEXT[kind](value)


def _members(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 a type form
    """Return the types that a value may have, without None, which TOML cannot write."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(member for inner in get_args(kind) for member in _members(inner))
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    return () if kind is type(None) else (kind,)


def _allowed(kind: Any) -> str:  # noqa: ANN401 a type form
    return " or ".join(_allowed_one(member) for member in _members(kind))


def _allowed_one(kind: Any) -> str:  # noqa: ANN401 a type form
    origin = get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(_shown(choice) for choice in get_args(kind))
    if origin in (list, tuple, frozenset, set, Sequence):
        return f"an array, each {_allowed(get_args(kind)[0])}"
    if origin is dict:
        return f"a table, each value {_allowed(get_args(kind)[1])}"
    return _ALLOWED.get(kind, getattr(kind, "__name__", str(kind)))


def _located(layer: Layer, kind: type[msgspec.Struct], path: KeyPath, table: Mapping[str, Any], text: str) -> UsageError:
    """Return the error of a type's own check; its text may begin with the field that is wrong, alone or with its tables."""
    first, _, rest = text.partition(" ")
    *tables, name = first.split(".")
    if name in kind.__struct_fields__ and tuple(tables) in {(), path}:
        return UsageError(f"{_subject(layer, (*path, name))} {rest}")
    place = next((place for place in (layer.place((*path, name)) for name in table) if place), "")
    return UsageError(f"{_dotted(path)}{f' ({place})' if place else ''}: {text}")


def _subject(layer: Layer, path: KeyPath) -> str:
    place = layer.place(path)
    return f"{_dotted(path)} ({place})" if place else _dotted(path)


def _dotted(path: KeyPath) -> str:
    return ".".join(name if name.isidentifier() else orjson.dumps(name[:80]).decode() for name in path)


def _shown(value: object) -> str:
    plain = value.value if isinstance(value, Written) else value
    try:
        text = orjson.dumps(plain, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        text = repr(plain)
    hidden = redact(text)
    return hidden if len(hidden) <= 60 else f"{hidden[:57]}..."
