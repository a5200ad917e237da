"""Reading messages that come from outside: the one place that says what a valid sample is, and what is wrong with another."""

import json
import math
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, Never, get_args

import msgspec
import orjson

from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.sample import MAPS, Ended, Sample

WHOLE: Final = "message"  # the field that is named where no single one is wrong

_RAW_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SAMPLE: Final = msgspec.json.Decoder(Sample)
_WHOLE_NUMBER: Final = re.compile(r"(?<![\w.])(-?\d+)\.0(?![\w.])")
_ONE_LINE: Final = bytes.maketrans(b"\r\n\t", b"   ")  # in JSON these can only stand between tokens
_TEXT: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)', re.DOTALL)  # to the end where it has none, or many would take long
_LENIENT: Final = json.JSONDecoder(parse_int=float)
_BETWEEN: Final = re.compile(r"[ \t\r\n]*")
_BRACKET: Final = re.compile(rb"[][{}]")
_ENDED: Final = get_args(Ended)
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Repeated(dict[str, Any]):
    """A JSON object in which a name stood twice."""

    name = ""


def documents(value: bytes, most_bytes: int = bounds.MAX_MESSAGE_BYTES) -> list[bytes]:
    """Return the documents of a message as they stand in it: those of its array, or the message itself.

    `most_bytes` is the bound of messages from outside; what we made of such, as an aggregate, may be larger.
    Raises InvalidError for a message that is too large, not UTF-8, an array that is not JSON or has too many documents.
    """
    if len(value) > most_bytes:
        _refuse(WHOLE, f"message must have at most {most_bytes} bytes, got {len(value)}")
    _check_utf8(value)
    if not value.lstrip(b" \t\r\n").startswith(b"["):
        return [value]
    try:
        found = [bytes(raw) for raw in _RAW_ARRAY.decode(value)]
    except _BROKEN as error:
        found = _lenient(value.decode()) or _refuse(WHOLE, f"message must be JSON: {_why(error)}")
    if len(found) > bounds.MAX_DOCUMENTS:
        _refuse(WHOLE, f"message must be an array of at most {bounds.MAX_DOCUMENTS} documents, got {len(found)}")
    for document in found:
        _check_depth(document, bounds.MAX_DEPTH_IN_ARRAY)
    return found


def _lenient(text: str) -> list[bytes]:
    """Return the documents of an array in which some hold NaN or Infinity, so that the others count; none if it is worse."""
    found: list[bytes] = []
    at = _BETWEEN.match(text, text.index("[") + 1).end()  # type: ignore[union-attr] # it matches nothing, too
    try:
        while True:
            _, end = _LENIENT.raw_decode(text, at)
            found.append(text[at:end].encode())
            mark = _BETWEEN.match(text, end).end()  # type: ignore[union-attr] # the same
            if text[mark : mark + 1] != ",":
                break
            at = _BETWEEN.match(text, mark + 1).end()  # type: ignore[union-attr] # the same
    except (ValueError, RecursionError):
        return []
    return found if text[mark:].strip(" \t\r\n") == "]" else []


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        _refuse(WHOLE, f"message must be UTF-8, got byte 0x{value[error.start]:02x} at {error.start}")


def is_deeper(value: bytes, most: int) -> bool:
    """Return whether arrays and objects of JSON are nested deeper than `most` levels."""
    if value.count(b"[") + value.count(b"{") <= most:
        return False
    depths = accumulate(1 if bracket in b"[{" else -1 for bracket in _BRACKET.findall(_TEXT.sub(b"", value)))
    return max(depths, default=0) > most


def _check_depth(value: bytes, most: int) -> None:
    """Refuse what is too deep, at a depth of our own: the one at which a parser gives up depends on who calls it."""
    if is_deeper(value, most):
        _refuse(WHOLE, f"message must be nested at most {most} levels deep")


def lines(value: bytes, most_bytes: int) -> list[bytes]:
    """Return the documents of a message of at most `most_bytes`, each as one line, byte for byte as they stand in it.

    An empty message holds none. Whether an only document is JSON is not looked at. Raises InvalidError as `documents`.
    """
    found = documents(value, most_bytes) if value else []
    return [document.strip(b" \t\r\n").translate(_ONE_LINE) for document in found]


def read_sample(raw: bytes) -> Sample:
    """Read one sample. Raises InvalidError that names the field, what was found and what is allowed."""
    parsed, fault = _parse(raw)
    if not isinstance(parsed, dict):
        _refuse(WHOLE, f"message must be an object with source, time and measurements, got {_shown(parsed)}")
    _check_names_once(parsed)
    for field, check in _CHECKS.items():
        if field in parsed:
            check(field, parsed[field])
        elif field in {"source", "time"}:
            _refuse(field, f"{field} is missing; it must be {_WANTED[field]}")
    _check_count(parsed)
    if fault:
        _refuse(WHOLE, f"message must be JSON: {fault}")
    try:
        sample = _SAMPLE.decode(raw)
    except _BROKEN as error:
        _refuse(WHOLE, f"message must be JSON: {_why(error)}")
    if sample.facts:
        check_facts("facts", sample.facts)  # once more, as a whole number that was parsed as a float may be too large by one
    return sample


def _parse(raw: bytes) -> tuple[object, str]:
    """Parse JSON, and say what a strict parser objects to: NaN and 1e999 are left to the checks, which can name the field."""
    if len(raw) > bounds.MAX_MESSAGE_BYTES:
        _refuse(WHOLE, f"message must have at most {bounds.MAX_MESSAGE_BYTES} bytes, got {len(raw)}")
    _check_utf8(raw)
    _check_depth(raw, bounds.MAX_DEPTH)
    fault = ""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        fault = str(error)
    try:
        parsed = json.loads(raw, object_pairs_hook=_object, parse_int=float)
    except ValueError as error:
        _refuse(WHOLE, f"message must be JSON: {fault or error}")
    if fault and not _has_non_finite(parsed):
        _refuse(WHOLE, f"message must be JSON: {fault}")
    return parsed, fault


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            repeated.name = name
            break
        seen.add(name)
    return repeated


def _has_non_finite(parsed: object) -> bool:
    """Return whether a number somewhere is why the strict parser refused."""
    pending = [parsed]
    while pending:
        value = pending.pop()
        if isinstance(value, float) and not -bounds.MAX_AMOUNT * 1e5 < value < bounds.MAX_AMOUNT * 1e5:
            return True
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return False


def _check_names_once(parsed: dict[str, Any]) -> None:
    if isinstance(parsed, _Repeated):
        _refuse(_short(parsed.name), f"{_short(parsed.name)} must stand once, got it twice")
    for field in (*MAPS, "facts"):
        inner = parsed.get(field)
        if isinstance(inner, _Repeated):
            _refuse(f"{field}.{_short(inner.name)}", f"{field}.{_short(inner.name)} must stand once, got it twice")


def _check_source(field: str, value: object) -> None:
    if not (isinstance(value, str) and bounds.is_source(value)):
        _wrong(field, value)


def _check_time(field: str, value: object) -> None:
    if not isinstance(value, float) or not math.isfinite(value):
        _wrong(field, value)
    if not 0 <= value <= bounds.MAX_TIME:
        _refuse(field, f"{field} must lie between 1970 and the year 9999, in seconds since 1970, got {_shown(value)}")


def _check_span(field: str, value: object) -> None:
    if not (isinstance(value, float) and 0 < value <= bounds.MAX_INTERVAL):
        _wrong(field, value)


def _check_view(field: str, value: object) -> None:
    if not (isinstance(value, str) and bounds.VIEW.fullmatch(value)):
        _wrong(field, value)


def _check_ended(field: str, value: object) -> None:
    if value not in _ENDED:
        _wrong(field, value)


def _check_pairs(field: str, value: object) -> None:
    if not isinstance(value, dict):
        _wrong(field, value)
    for key, pair in value.items():
        check_key(field, key)
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(amount, float) and 0 <= amount <= bounds.MAX_AMOUNT for amount in pair)
        ):
            what = "[seconds, operations]" if field == "timings" else "[part, whole]"
            allowed = f"{what}, two numbers from 0 to {bounds.MAX_AMOUNT:g}"
            _refuse(f"{field}.{key}", f"{field}.{key} must be {allowed}, got {_shown(pair)}")


def check_key(field: str, key: str) -> None:
    """Check a metric key of the map `field`. Raises InvalidError."""
    name, at, device = key.partition("@")
    if len(key) > bounds.MAX_KEY_CHARS or not bounds.METRIC_NAME.fullmatch(name) or (at and not bounds.DEVICE.fullmatch(device)):
        allowed = (
            f"name or name@device of at most {bounds.MAX_KEY_CHARS} characters, "
            "the name as in system.cpu.utilization, the device without spaces or control characters"
        )
        _refuse(f"{field}.{_short(key)}", f"a key of {field} must be {allowed}, got {_shown(key)}")


def check_facts(field: str, value: object) -> None:
    """Check the facts of a sample. Raises InvalidError."""
    if not isinstance(value, dict):
        _wrong(field, value)
    if len(value) > bounds.MAX_FACTS:
        _refuse(field, f"{field} must be at most {bounds.MAX_FACTS}, got {len(value)}")
    for key, fact in value.items():
        if len(key) > bounds.MAX_KEY_CHARS:
            _refuse(f"{field}.{_short(key)}", f"a key of {field} must have at most {bounds.MAX_KEY_CHARS} characters")
        text = isinstance(fact, str) and len(fact) <= bounds.MAX_FACT_CHARS
        number = isinstance(fact, (int, float)) and -bounds.MAX_FACT <= fact <= bounds.MAX_FACT
        if not text and not number:
            allowed = f"a text of at most {bounds.MAX_FACT_CHARS} characters, true, false or a number of at most 2^53"
            _refuse(f"{field}.{_short(key)}", f"{field}.{_short(key)} must be {allowed}, got {_shown(fact)}")


def _check_count(parsed: dict[str, Any]) -> None:
    count = sum(len(parsed.get(field, ())) for field in MAPS)
    if count > bounds.MAX_METRICS:
        field = max(MAPS, key=lambda name: len(parsed.get(name, ())))
        _refuse(field, f"a sample must have at most {bounds.MAX_METRICS} metrics, got {count}")


_CHECKS: Final[dict[str, Callable[[str, object], None]]] = {
    "source": _check_source,
    "time": _check_time,
    "view": _check_view,
    "interval": _check_span,
    "due": _check_span,
    "ended": _check_ended,
    "resources": _check_pairs,
    "performance": _check_pairs,
    "faults": _check_pairs,
    "timings": _check_pairs,
    "facts": check_facts,
}
_MAP: Final = "an object of metric keys to pairs of numbers"
_WANTED: Final = {
    "source": (
        f"a path of 1 to {bounds.MAX_SOURCE_SEGMENTS} segments of [A-Za-z0-9._:-], not . or .., "
        f"of at most {bounds.MAX_SOURCE_CHARS} characters"
    ),
    "time": "a finite number of seconds",
    "view": "a short word of [a-z0-9_-]",
    "interval": f"a finite number of seconds above 0, at most {bounds.MAX_INTERVAL:g}",
    "due": f"a finite number of seconds above 0, at most {bounds.MAX_INTERVAL:g}",
    "ended": f"one of {', '.join(_ENDED)}",
    **dict.fromkeys(MAPS, _MAP),
    "facts": "an object of names to texts, numbers, true or false",
}


def _wrong(field: str, value: object) -> Never:
    _refuse(field, f"{field} must be {_WANTED[field]}, got {_shown(value)}")


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, reason) from None


def _shown(value: object) -> str:
    """Return the value as JSON, cut to what fits a line."""
    text = json.dumps(value, ensure_ascii=True)
    if isinstance(value, (float, list)):
        text = _WHOLE_NUMBER.sub(r"\1", text)
    return _short(text, 80)


def _short(text: str, limit: int = 60) -> str:
    printable = text if text.isprintable() else text.encode("unicode_escape").decode()
    return printable if len(printable) <= limit else printable[: limit - 3] + "..."


def _why(error: BaseException) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
