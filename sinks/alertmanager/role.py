"""The Alertmanagers, as the wiring knows them."""

from typing import Final

from sinks.alertmanager.settings import AlertmanagerSettings
from sinks.receivers import needing, receivers
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole, NotifierSpec, Repeats


def _spec(settings: AlertmanagerSettings) -> NotifierSpec:
    return NotifierSpec(
        "alertmanager",
        receivers(settings.to),
        settings.group_by,
        wait=settings.group_wait,
        interval=settings.group_interval,
        repeat=settings.repeat_interval,
        watchdog=settings.watchdog,
        repeats=Repeats.TOLD,  # it takes what is not posted any more for resolved; a silence is not that
    )


def _make(settings: AlertmanagerSettings, clock: Clock) -> Notifier:
    with needing("aiohttp", "alertmanager", "webhook"):
        from sinks.alertmanager.notifier import AlertmanagerNotifier  # noqa: PLC0415 only a process that posts pays for it

    return AlertmanagerNotifier(settings, clock)


ROLE: Final = NotifierRole(AlertmanagerSettings, _spec, _make)
