"""The AsyncAPI 3.1 document: which topics there are, how they are keyed and kept, and what they carry."""

from typing import Any, Final, Literal, NamedTuple

import virtpulse
from virtpulse.messages.components import JsonSchema, components, message_schema
from virtpulse.messages.examples import examples
from virtpulse.topics import (
    AGGREGATES,
    ALERT_STATES,
    ALERTS,
    DEADLETTERS,
    LATE,
    NOTIFICATIONS,
    SAMPLES,
    SILENCES,
    SOURCES,
    TOPICS,
)

_REF: Final = "#/components/schemas/{name}"
_HOST_KEY: Final = "the first segment of the source, so that a host and its guests share a partition and keep their order"


class _Channel(NamedTuple):
    """A topic, the kind of document it carries, the key of its messages, and what virtpulse does with it."""

    topic: str
    kind: str
    title: str
    key: str
    actions: tuple[Literal["send", "receive"], ...]


_CHANNELS: Final = (
    _Channel(SAMPLES, "Sample", "What producers measured", _HOST_KEY, ("send", "receive")),
    _Channel(AGGREGATES, "Aggregate", "The ratios of each source, view and window", _HOST_KEY, ("send",)),
    _Channel(SOURCES, "Source", "The inventory", "the source; with a view: the source, a space and the view", ("send",)),
    _Channel(LATE, "Late", "Samples that missed windows", "the key of the message that held the sample", ("send",)),
    _Channel(DEADLETTERS, "DeadLetter", "What could not be handled, and why", "the key of the refused message", ("send",)),
    _Channel(ALERTS, "Alert", "What fires, and what is resolved", _HOST_KEY, ("send",)),
    _Channel(ALERT_STATES, "AlertState", "Each alert as it stands", "the fingerprint", ("send",)),
    _Channel(SILENCES, "Silence", "Which alerts nobody is to be told of", "the id", ("send", "receive")),
    _Channel(NOTIFICATIONS, "Notified", "What each notifier has told", "notifier, receiver and group, as JSON", ("send",)),
)


def asyncapi(prefix: str = "virtpulse") -> dict[str, Any]:
    """Return the document for a deployment whose topics are named `prefix.TOPIC`."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "virtpulse",
            "version": virtpulse.__version__,
            "description": "Live ratios of hosts, virtual machines and edge devices, in event-time windows.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.topic: _channel(channel, prefix) for channel in _CHANNELS},
        "operations": {
            f"{action}{channel.topic.title().replace('-', '')}": _operation(channel, action)
            for channel in _CHANNELS
            for action in channel.actions
        },
        "components": {
            "messages": {channel.kind: _message(channel) for channel in _CHANNELS},
            "schemas": components(_REF),
        },
    }


def _channel(channel: _Channel, prefix: str) -> JsonSchema:
    topic = TOPICS[channel.topic]
    kept: dict[str, object] = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if not topic.compacted:
        kept["retention.ms"] = int(topic.max_age * 1000)
    return {
        "address": f"{prefix}.{channel.topic}",
        "title": channel.title,
        "messages": {channel.kind: {"$ref": f"#/components/messages/{channel.kind}"}},
        "bindings": {"kafka": {"topicConfiguration": kept, "bindingVersion": "0.5.0"}},
    }


def _operation(channel: _Channel, action: str) -> JsonSchema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel.topic}"},
        "messages": [{"$ref": f"#/channels/{channel.topic}/messages/{channel.kind}"}],
    }


def _message(channel: _Channel) -> JsonSchema:
    shown = [{"payload": example} for example in examples(channel.kind)]
    return {
        "name": channel.kind,
        "title": channel.title,
        "contentType": "application/json",
        "payload": message_schema(channel.kind, _REF),
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}, "bindingVersion": "0.5.0"}},
        **({"examples": shown} if shown else {}),
    }
