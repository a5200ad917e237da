"""The schema of each kind of document, made from its type, with the bounds that reading holds it to.

They say no more than JSON Schema 2020-12 and draft 07 both understand, because AsyncAPI knows the latter.
"""

import inspect
from typing import Any, Final

import msgspec

from virtpulse.messages import bounds
from virtpulse.messages.aggregate import Aggregate
from virtpulse.messages.alert import Alert, AlertState
from virtpulse.messages.deadletter import DeadLetter
from virtpulse.messages.notified import Notified
from virtpulse.messages.sample import MAPS, Sample
from virtpulse.messages.silence import Silence
from virtpulse.messages.source import Source

JsonSchema = dict[str, Any]

_ALONE: Final = ("Source", "AlertState", "Silence", "Notified")  # a compacted topic keeps a document for each key, never an array

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
_LABELS: Final = {
    "maxProperties": bounds.MAX_LABELS,
    "propertyNames": {"pattern": f"^{bounds.LABEL.pattern}$"},
    "additionalProperties": {"type": "string", "maxLength": bounds.MAX_LABEL_CHARS},
}
_TEXT: Final = {"maxLength": bounds.MAX_TEXT_CHARS}
_FINGERPRINT: Final = {"pattern": f"^{bounds.FINGERPRINT.pattern}$"}
_WRITTEN_MOMENT: Final = {"pattern": f"^{bounds.MOMENT.pattern}$"}
_VERSION: Final = {"minimum": 1}
_ALERT_FIELDS: Final[dict[str, JsonSchema]] = {
    "labels": _LABELS,
    "annotations": {**_LABELS, "additionalProperties": {"type": "string", **_TEXT}},
    "startsAt": _WRITTEN_MOMENT,
    "endsAt": _WRITTEN_MOMENT,
    "fingerprint": _FINGERPRINT,
    "text": {**_TEXT, "pattern": r"^[^\r\n]*$"},
}
_STATE_FIELDS: Final[dict[str, JsonSchema]] = {
    "fingerprint": _FINGERPRINT,
    "inhibited": _FINGERPRINT,
    # the Watchdog is of no source, and a rule may be of no metric
    "source": {**_SOURCE, "pattern": f"^$|{_SOURCE['pattern']}"},
    "view": {"pattern": f"^$|^{bounds.VIEW.pattern}$"},
    "key": {**_METRIC_KEYS, "pattern": f"^$|{_METRIC_KEYS['pattern']}"},
    **dict.fromkeys(("since", "fired", "recovering", "missing"), _MOMENT),
    "version": _VERSION,
}
_MATCHER: Final = {
    "type": "string",
    "maxLength": bounds.MAX_MATCHER_CHARS,
    "pattern": rf"^\s*{bounds.LABEL.pattern}\s*!?=",
}
_SILENCE_FIELDS: Final[dict[str, JsonSchema]] = {
    "id": {"minLength": 1, "maxLength": bounds.MAX_ID_CHARS},
    "matchers": {"items": _MATCHER, "minItems": 1, "maxItems": bounds.MAX_MATCHERS},
    **dict.fromkeys(("starts", "ends", "created"), _MOMENT),
    **dict.fromkeys(("reason", "by"), _TEXT),
    "version": _VERSION,
}
_NOTIFIED_FIELDS: Final[dict[str, JsonSchema]] = {
    "group": _LABELS,
    "until": _COUNT,
    "time": _MOMENT,
    "firing": {"propertyNames": _FINGERPRINT, "additionalProperties": {"type": "string", **_WRITTEN_MOMENT}},
    "version": _VERSION,
}
_BOUNDS: Final[dict[str, dict[str, JsonSchema]]] = {
    "Sample": {name: _FIELDS.get(name, {}) | _SAMPLE_FIELDS.get(name, {}) for name in Sample.__struct_fields__},
    "Aggregate": _FIELDS,
    "Source": _FIELDS,
    "DeadLetter": _FIELDS,
    "Ratio": _SUMS,
    "Timing": _SUMS,
    "Alert": _ALERT_FIELDS,
    "AlertState": _STATE_FIELDS,
    "Silence": _SILENCE_FIELDS,
    "Notified": _NOTIFIED_FIELDS,
}


def components(ref_template: str) -> dict[str, JsonSchema]:
    """Return the schema of every kind of document and of its parts by name; `ref_template` holds `{name}`."""
    kinds = (Sample, Aggregate, Source, DeadLetter, Alert, AlertState, Silence, Notified)
    _, made = msgspec.json.schema_components(kinds, ref_template=ref_template)
    found = {name: _bounded(schema, _BOUNDS[name]) for name, schema in made.items()}
    found["Alert"]["description"] = _in_wire_names(found["Alert"]["description"], Alert)
    found["Late"] = _late(found["Sample"])
    return found


def message_schema(name: str, ref_template: str) -> JsonSchema:
    """Return the schema of a message with documents of the kind `name`: one, or where its topic is not compacted an array."""
    document = {"$ref": ref_template.format(name=name)}
    if name in _ALONE:
        return document
    return {"anyOf": [document, {"type": "array", "items": document, "maxItems": bounds.MAX_DOCUMENTS}]}


def _bounded(schema: JsonSchema, fields: dict[str, JsonSchema]) -> JsonSchema:
    properties = {name: _plain(inner) | fields.get(name, {}) for name, inner in schema["properties"].items()}
    return {**schema, "description": inspect.cleandoc(schema["description"]), "properties": properties}


def _in_wire_names(description: str, kind: type[msgspec.Struct]) -> str:
    for field in msgspec.structs.fields(kind):
        description = description.replace(f"{field.name}:", f"{field.encode_name}:")
    return description


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
