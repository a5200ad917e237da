"""The console, as the wiring knows it."""

from typing import Final

from sinks.console.settings import ConsoleSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Sink, SinkRole, SinkSpec
from virtpulse.topics import AGGREGATES

_LIVE: Final = SinkSpec("console", [AGGREGATES], group=None)  # without positions, for what was missed is not worth a look


def _make(settings: ConsoleSettings, clock: Clock) -> Sink:
    from sinks.console.sink import ConsoleSink  # noqa: PLC0415 only a process with a console pays for it

    return ConsoleSink(settings, clock)


ROLE: Final = SinkRole(ConsoleSettings, lambda _: _LIVE, _make)
