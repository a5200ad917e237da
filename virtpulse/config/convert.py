"""From tables to typed values: every refusal names the key, where it was set, what was found and what is allowed."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.config.layers import Layer, Written
from virtpulse.config.lines import KeyPath
from virtpulse.config.refusals import ALLOWED, allowed, dotted, found, members, refuse_unknown, subject
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.units import Duration, Size

S = TypeVar("S", bound=msgspec.Struct)

_FROM_TEXT: Final[dict[type, Callable[[str], object]]] = {
    Duration: Duration.parse,
    Size: Size.parse,
    Secret: Secret,
    Path: Path,
}
_NONE_LIFTED: Final[Mapping[str, object | UnsetType]] = MappingProxyType({})


def read_struct(
    kind: type[S], layer: Layer, path: KeyPath, table: Mapping[str, Any], lifted: Mapping[str, object | UnsetType] = _NONE_LIFTED
) -> S:
    """Read the table at `path` as `kind`. Raises UsageError.

    lifted: by name the values of the fields that users write at the top of the configuration instead, unset where they don't.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    own = fields.keys() - lifted.keys()
    for name in table:
        if name in lifted:
            msg = f"{subject(layer, (*path, name))}: unknown key; it stands at the top, as [[{name}]]"
            raise UsageError(msg)
        if name not in own:
            refuse_unknown(layer, (*path, name), own)
    places: dict[str, tuple[KeyPath, object]] = {name: ((*path, name), value) for name, value in table.items()}
    places |= {name: ((name,), value) for name, value in lifted.items() if value is not UNSET}
    missing = next((name for name, field in fields.items() if field.required and name not in places), None)
    if missing is not None:
        msg = f"{subject(layer, path)}: {missing} is missing"
        raise UsageError(msg)
    values = {fields[name].name: _read_value(fields[name].type, layer, *place) for name, place in places.items()}
    try:
        return kind(**values)
    except (UsageError, TypeError, ValueError) as error:  # what the type itself checks in __post_init__
        raise _located(layer, kind, path, {name: place for name, (place, _) in places.items()}, str(error)) from error


def require_table(layer: Layer, path: KeyPath, value: object, kind: object = None) -> Mapping[str, Any]:
    """Return `value` as the table that it must be; `kind` is what it is read as. Raises UsageError."""
    plain = value.value if isinstance(value, Written) else value
    if not isinstance(plain, dict):
        is_element = bool(path) and isinstance(path[-1], int)
        header = f"[[{dotted(path[:-1])}]]" if is_element else f"[{dotted(path)}]"
        msg = f"{subject(layer, path)} must be a table, {header}, got {found(kind, plain)}"
        raise UsageError(msg)
    return plain


def _read_value(kind: Any, layer: Layer, path: KeyPath, value: object) -> object:  # noqa: ANN401 a type form
    choices = members(kind)
    only: Any = choices[0] if len(choices) == 1 else None
    if _is_struct(only):
        return read_struct(only, layer, path, require_table(layer, path, value, only))
    if get_origin(only) is tuple and _is_struct(get_args(only)[0]):
        element = get_args(only)[0]
        elements = enumerate(_require_array(layer, path, value, element), start=1)
        value = tuple(_read_value(element, layer, (*path, number), item) for number, item in elements)
    elif get_origin(only) is dict:
        inner = get_args(only)[1]
        table = require_table(layer, path, value, only)
        _refuse_split_keys(layer, path, table, inner)
        value = {name: _read_value(inner, layer, (*path, name), item) for name, item in table.items()}
    return _convert(kind, layer, path, value)


def _convert(kind: Any, layer: Layer, path: KeyPath, value: object) -> object:  # noqa: ANN401 a type form
    candidates = [value.value, value.text] if isinstance(value, Written) else [value]
    reason = ""
    for candidate in candidates:
        try:
            read = msgspec.convert(candidate, kind, dec_hook=_decode)
        except msgspec.ValidationError as error:
            reason = str(error)
        else:
            if not isinstance(read, float) or math.isfinite(read):
                return read
    bound = reason if "Expected" in reason and (">" in reason or "<" in reason or "length" in reason) else ""
    said = f"got {found(kind, candidates[0])}{f' ({bound})' if bound else ''}"
    msg = f"{subject(layer, path)} must be {allowed(kind)}, {said}"
    raise UsageError(msg)


def _require_array(layer: Layer, path: KeyPath, value: object, element: object) -> list[Any]:
    plain = value.value if isinstance(value, Written) else value
    if isinstance(plain, dict) and (place := layer.place_inside(path)):
        msg = (
            f"{dotted(path)} ({place}) is an array of tables: what is in one stands in the configuration file, [[{dotted(path)}]]"
        )
        raise UsageError(msg)
    if not isinstance(plain, list):
        msg = f"{subject(layer, path)} must be an array of tables, [[{dotted(path)}]], got {found(element, plain)}"
        raise UsageError(msg)
    return plain


def _refuse_split_keys(layer: Layer, path: KeyPath, table: Mapping[str, Any], inner: object) -> None:
    """Refuse the keys with a dot that are not in quotes, which TOML takes for tables, where a value can be no table."""
    if any(_is_struct(kind) or get_origin(kind) is dict for kind in members(inner)):
        return
    for name, value in table.items():
        if isinstance(value, dict) and value:
            inside = next(iter(value))
            quoted = dotted((*path, f"{name}.{inside}"))
            where = subject(layer, (*path, name, inside))
            msg = f"{where}: {name} must be {allowed(inner)}, not a table; a key with a dot is put in quotes, {quoted}"
            raise UsageError(msg)


def _is_struct(kind: Any) -> bool:  # noqa: ANN401 a type form
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _decode(kind: type, value: object) -> object:
    if isinstance(value, kind):  # an element that was read already
        return value
    if not isinstance(value, str):
        msg = f"must be {ALLOWED[kind]}"
        raise TypeError(msg)
    return _FROM_TEXT[kind](value)


def _located(layer: Layer, kind: type[msgspec.Struct], path: KeyPath, places: Mapping[str, KeyPath], text: str) -> UsageError:
    """Return the error of a type's own check; its text may begin with the key that is wrong, alone or with its tables."""
    first, _, rest = text.partition(" ")
    bare = first.rstrip(":")
    steps = tuple(bare.split("."))
    steps = steps[len(path) :] if steps[:-1] == path else steps
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    name = names.get(steps[0], steps[0])
    if name in names.values():
        key = (*places.get(name, (*path, name)), *steps[1:])
        return UsageError(f"{subject(layer, key)}{first[len(bare) :]} {rest}")
    if path and isinstance(path[-1], int):
        return UsageError(f"{subject(layer, path)}: {text}")
    place = next((place for place in map(layer.place, places.values()) if place), "")
    return UsageError(f"{dotted(path)}{f' ({place})' if place else ''}: {text}")
