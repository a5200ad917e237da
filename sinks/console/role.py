"""The console, as the wiring knows it."""

from typing import Final

from sinks.console.settings import ConsoleSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Sink, SinkRole, SinkSpec
from virtpulse.topics import AGGREGATES, ALERT_STATES, ALERTS


def _spec(settings: ConsoleSettings) -> SinkSpec:
    """Return what the console reads; without positions, for what was missed is not worth a look."""
    if not settings.alerts or settings.format == "json":
        return SinkSpec("console", [AGGREGATES], group=None)
    return SinkSpec("console", [AGGREGATES, ALERTS], group=None, states=[ALERT_STATES])


def _make(settings: ConsoleSettings, clock: Clock) -> Sink:
    from sinks.console.sink import ConsoleSink  # noqa: PLC0415 only a process with a console pays for it

    return ConsoleSink(settings, clock)


ROLE: Final = SinkRole(ConsoleSettings, _spec, _make)
