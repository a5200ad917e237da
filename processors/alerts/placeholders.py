"""Texts with placeholders, as the summary of a rule. They are filled in, never evaluated."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Final

KNOWN: Final = ("source", "host", "vm", "metric", "device", "value", "threshold", "severity", "alertname")
NUMBERS: Final = ("value", "threshold")

_SPEC: Final = re.compile(r"[<>^]?\d{0,2}(?:\.\d)?[defg%]?")  # of a number; a text takes none
_EXAMPLE: Final = 1234.5


def check_text(text: str, allowed: tuple[str, ...]) -> None:
    """Check the placeholders of a text. Raises ValueError that says what is wrong, to be put behind the field's name."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        msg = f"has a brace that is not closed or stands alone ({error}); write {{{{ for a brace"
        raise ValueError(msg) from None
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in allowed:
            msg = f"has the unknown placeholder {{{name[:40]}}}; there are {', '.join(f'{{{one}}}' for one in allowed)}"
            raise ValueError(msg)
        if conversion or (spec and not _fits(name, spec)):
            given = (conversion or spec or "")[:40]
            msg = f"has a format that {{{name}}} does not take: {given!a}; numbers take one as in {{value:.1f}}"
            raise ValueError(msg)


def fill(text: str, values: Mapping[str, str | float]) -> str:
    """Fill a checked text in. A number without a format is written short; one that is not known as a dash."""
    filled: list[str] = []
    for literal, name, spec, _ in Formatter().parse(text):
        filled.append(literal)
        if name is not None:
            filled.append(_written(values.get(name, ""), spec or ""))
    return "".join(filled)


def _written(value: str | float, spec: str) -> str:
    if isinstance(value, str):
        return value or "-"
    return format(value, spec or ".4g")


def _fits(name: str, spec: str) -> bool:
    if name not in NUMBERS or not _SPEC.fullmatch(spec):
        return False
    try:
        format(_EXAMPLE, spec)
    except ValueError:
        return False
    return True
