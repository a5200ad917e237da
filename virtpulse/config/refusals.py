"""What a refusal says: the key and where it was set, what was found, what is allowed."""

import difflib
import math
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
import orjson

from virtpulse.config.layers import Layer, Written
from virtpulse.config.lines import KeyPath
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.redaction import MASK, redact
from virtpulse.units import Duration, Size

ALLOWED: Final[dict[object, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Duration: 'a duration such as "10s", "1m30s" or "250ms"',
    Size: 'a size such as "64MiB" or "1GB"',
    Secret: 'a text, "${NAME}" or "file:PATH"',
    Path: "a path",
}


def refuse_unknown(layer: Layer, path: KeyPath, known: Iterable[str]) -> None:
    """Raise the UsageError for a key that nobody knows."""
    names = sorted(known)
    near = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.6)
    hint = f"did you mean {dotted((*path[:-1], near[0]))}? " if near else ""
    allowed = f"known here: {', '.join(names)}" if names else "no key is known here"
    msg = f"{subject(layer, path)}: unknown key; {hint}{allowed}"
    raise UsageError(msg)


def subject(layer: Layer, path: KeyPath) -> str:
    """Return a key with the place where it was set, as `rules[2].above (line 41 of x.toml)`."""
    place = layer.place(path)
    return f"{dotted(path)} ({place})" if place else dotted(path)


def dotted(path: KeyPath) -> str:
    """Return a path as it is written in TOML; elements of arrays are counted from 1."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if step.replace("-", "_").isidentifier() else orjson.dumps(step[:80]).decode()
            text += f".{name}" if text else name
    return text


def shown(value: object) -> str:
    """Return a value as it was found, cut where it is long, without what is secret."""
    plain = value.value if isinstance(value, Written) else value
    if isinstance(plain, float) and not math.isfinite(plain):  # JSON has no word for it
        return str(plain)
    try:
        option = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
        text = orjson.dumps(plain, default=_plain, option=option).decode()
    except TypeError:
        text = repr(plain)
    hidden = redact(text)
    return hidden if len(hidden) <= 60 else f"{hidden[:57]}..."


def _plain(value: object) -> object:
    return value.value if isinstance(value, Written) else str(value)


def found(kind: Any, value: object) -> str:  # noqa: ANN401 a type form
    """Return what was found where a value of the type `kind` belongs: masked where that holds secrets."""
    return MASK if _holds_secret(kind) else shown(value)


def members(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 a type form
    """Return the types that a value may have, without None, which TOML cannot write."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(member for inner in get_args(kind) for member in members(inner))
    if get_origin(kind) is Annotated:
        return members(get_args(kind)[0])
    return () if kind is type(None) else (kind,)


def allowed(kind: Any) -> str:  # noqa: ANN401 a type form
    """Return what a value of the type `kind` may be."""
    choices = members(kind)
    return " or ".join(_allowed_one(member) for member in choices if not (member is int and float in choices))


def _allowed_one(kind: Any) -> str:  # noqa: ANN401 a type form
    origin = get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(shown(choice) for choice in get_args(kind))
    if origin in (list, tuple, frozenset, set, Sequence):
        return f"an array, each {allowed(get_args(kind)[0])}"
    if origin is dict:
        return f"a table, each value {allowed(get_args(kind)[1])}"
    return ALLOWED.get(kind, getattr(kind, "__name__", str(kind)))


def _holds_secret(kind: Any) -> bool:  # noqa: ANN401 a type form
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any(_holds_secret(field.type) for field in msgspec.structs.fields(kind))
    return kind is Secret or any(_holds_secret(inner) for inner in get_args(kind))
