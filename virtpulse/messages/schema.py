"""The files that tell other programs what virtpulse's messages are: JSON Schemas, and an AsyncAPI document of the topics."""

from typing import Final

from virtpulse.messages.asyncapi import asyncapi
from virtpulse.messages.components import JsonSchema, components, message_schema
from virtpulse.messages.examples import examples

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_KINDS: Final = {
    "sample": "Sample",
    "aggregate": "Aggregate",
    "source": "Source",
    "late": "Late",
    "deadletter": "DeadLetter",
    "alert": "Alert",
    "alertstate": "AlertState",
    "silence": "Silence",
}
_PARTS: Final = {"Aggregate": ("Ratio", "Timing"), "AlertState": ("Alert",)}
_REF: Final = "#/$defs/{name}"


def schemas() -> dict[str, JsonSchema]:
    """Return by file name a JSON Schema (2020-12) for the messages of each kind, and `asyncapi.json`.

    A message is a document of its kind or an array of them; a source, a state of an alert and a silence are always one document.
    """
    parts = components(_REF)
    return {
        **{f"{kind}.json": _message(name, parts) for kind, name in _KINDS.items()},
        "asyncapi.json": asyncapi(),
    }


def _message(name: str, parts: dict[str, JsonSchema]) -> JsonSchema:
    used = (name, *_PARTS.get(name, ()))
    shown = examples(name)
    return {
        "$schema": _DIALECT,
        "title": f"virtpulse: {name}",
        **message_schema(name, _REF),
        **({"examples": shown} if shown else {}),
        "$defs": {part: parts[part] for part in used},
    }
