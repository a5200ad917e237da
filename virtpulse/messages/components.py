"""The schema of each kind of document, made from its type, with the bounds that reading holds it to.

They say no more than JSON Schema 2020-12 and draft 07 both understand, because AsyncAPI knows the latter.
"""

import inspect
from typing import Any, Final

import msgspec

from virtpulse.messages import bounds
from virtpulse.messages.aggregate import Aggregate
from virtpulse.messages.deadletter import DeadLetter
from virtpulse.messages.sample import MAPS, Sample
from virtpulse.messages.source import Source

JsonSchema = dict[str, Any]

_ALONE: Final = "Source"  # a compacted topic keeps one document for each key, never an array

_AMOUNT: Final = {"type": "number", "minimum": 0, "maximum": bounds.MAX_AMOUNT}
_NUMBER: Final = {"type": "number"}
_METRIC_KEYS: Final = {
    "maxLength": bounds.MAX_KEY_CHARS,
    "pattern": f"^{bounds.METRIC_NAME.pattern}(?:@{bounds.DEVICE.pattern})?$",
}
_MOMENT: Final = {"minimum": 0, "maximum": bounds.MAX_TIME}
_SPAN: Final = {"exclusiveMinimum": 0, "maximum": bounds.MAX_INTERVAL}
_COUNT: Final = {"minimum": 0}
_FACTS: Final = {
    "propertyNames": {"maxLength": bounds.MAX_KEY_CHARS},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "maxLength": bounds.MAX_FACT_CHARS},
            {"type": "number", "minimum": -bounds.MAX_AMOUNT, "maximum": bounds.MAX_AMOUNT},
            {"type": "boolean"},
        ]
    },
}
_SOURCE: Final = {
    "maxLength": bounds.MAX_SOURCE_CHARS,
    "pattern": rf"^(?!(?:[^/]*/){{{bounds.MAX_SOURCE_SEGMENTS}}})(?:{bounds.SOURCE.pattern})$".replace(r"\Z", "$"),
}
# what a field means, and hence its bounds, is the same in every kind of document
_FIELDS: Final[dict[str, JsonSchema]] = {
    "source": _SOURCE,
    "view": {"pattern": f"^{bounds.VIEW.pattern}$"},
    "time": _MOMENT,
    "first": _MOMENT,
    "last": _MOMENT,
    "interval": _SPAN,
    "due": _SPAN,
    **dict.fromkeys(("samples", "late", "repeated", "partition", "position", "index"), _COUNT),
    **{name: {"propertyNames": _METRIC_KEYS} for name in MAPS},
    "facts": _FACTS,
    "message": {"maxLength": len(r"\xNN") * bounds.DEAD_LETTER_BYTES},
}
_SUMS: Final = {"part": _COUNT, "whole": _COUNT, "seconds": _COUNT, "operations": _COUNT, "count": {"minimum": 1}}
_PAIRS: Final = {
    "maxProperties": bounds.MAX_METRICS,
    "additionalProperties": {"type": "array", "items": _AMOUNT, "minItems": 2, "maxItems": 2},
}
_SAMPLE_FIELDS: Final[dict[str, JsonSchema]] = {**dict.fromkeys(MAPS, _PAIRS), "facts": {"maxProperties": bounds.MAX_FACTS}}
_MISSED: Final = {
    "type": "array",
    "items": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
    "minItems": 1,
    "description": "The windows that were closed when the sample came: [start, end], in seconds since the epoch.",
}
_BOUNDS: Final[dict[str, dict[str, JsonSchema]]] = {
    "Sample": {name: _FIELDS.get(name, {}) | _SAMPLE_FIELDS.get(name, {}) for name in Sample.__struct_fields__},
    "Aggregate": _FIELDS,
    "Source": _FIELDS,
    "DeadLetter": _FIELDS,
    "Ratio": _SUMS,
    "Timing": _SUMS,
}


def components(ref_template: str) -> dict[str, JsonSchema]:
    """Return the schema of every kind of document and of its parts by name; `ref_template` holds `{name}`."""
    kinds = (Sample, Aggregate, Source, DeadLetter)
    _, made = msgspec.json.schema_components(kinds, ref_template=ref_template)
    found = {name: _bounded(schema, _BOUNDS[name]) for name, schema in made.items()}
    found["Late"] = _late(found["Sample"])
    return found


def message_schema(name: str, ref_template: str) -> JsonSchema:
    """Return the schema of a message that holds documents of the kind `name`: one, or but for a source an array of them."""
    document = {"$ref": ref_template.format(name=name)}
    if name == _ALONE:
        return document
    return {"anyOf": [document, {"type": "array", "items": document, "maxItems": bounds.MAX_DOCUMENTS}]}


def _bounded(schema: JsonSchema, fields: dict[str, JsonSchema]) -> JsonSchema:
    properties = {name: _plain(inner) | fields.get(name, {}) for name, inner in schema["properties"].items()}
    return {**schema, "description": inspect.cleandoc(schema["description"]), "properties": properties}


def _plain(schema: JsonSchema) -> JsonSchema:
    """Leave out an empty default: whether a map is absent or empty makes no difference to anybody."""
    return {name: value for name, value in schema.items() if name != "default"}


def _late(sample: JsonSchema) -> JsonSchema:
    return {
        **sample,
        "title": "Late",
        "description": "A sample that came too late for some of its windows, as it came, and these windows.",
        "properties": {**sample["properties"], "missed": _MISSED},
        "required": [*sample["required"], "missed"],
    }
