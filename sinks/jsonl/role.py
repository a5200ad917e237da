"""The files of JSON lines, as the wiring knows them."""

from typing import Final

from sinks.jsonl.settings import JsonlSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Sink, SinkRole, SinkSpec


def _spec(settings: JsonlSettings) -> SinkSpec:
    """Return how the runtime feeds the files: as the group `jsonl`, whose positions are kept."""
    return SinkSpec("jsonl", settings.topics, group="jsonl")


def _make(settings: JsonlSettings, clock: Clock) -> Sink:
    from sinks.jsonl.sink import JsonlSink  # noqa: PLC0415 only a process that writes files pays for it

    return JsonlSink(settings, clock)


ROLE: Final = SinkRole(JsonlSettings, _spec, _make)
