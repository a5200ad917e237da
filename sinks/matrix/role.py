"""The chat bot, as the wiring knows it."""

from typing import Final

from sinks.matrix.settings import MatrixSettings, require
from sinks.receivers import needing
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Bot, BotRole, SinkSpec
from virtpulse.topics import AGGREGATES, ALERT_STATES, ALERTS, SILENCES, SOURCES

_SPEC: Final = SinkSpec("matrix", [AGGREGATES, ALERTS], group=None, batch=100, states=[ALERT_STATES, SILENCES, SOURCES])


def _make(settings: MatrixSettings, clock: Clock) -> Bot:
    require(settings)
    with needing("nio", "matrix", "matrix"), needing("PIL", "matrix", "matrix"):
        from sinks.matrix.bot import MatrixBot  # noqa: PLC0415 only a process with the bot pays for it

    return MatrixBot(settings, clock)


ROLE: Final = BotRole(MatrixSettings, lambda _: _SPEC, _make)
