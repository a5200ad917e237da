"""The Alertmanagers, as the wiring knows them."""

from functools import partial
from typing import Final

from sinks.alertmanager.settings import AlertmanagerSettings
from sinks.receivers import needing, notifier_spec
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole, Repeats

_REPEATS: Final = Repeats.TOLD  # it takes what is not posted any more for resolved; a silence is not that


def _make(settings: AlertmanagerSettings, clock: Clock) -> Notifier:
    with needing("aiohttp", "alertmanager", "webhook"):
        from sinks.alertmanager.notifier import AlertmanagerNotifier  # noqa: PLC0415 only a process that posts pays for it

    return AlertmanagerNotifier(settings, clock)


ROLE: Final = NotifierRole(AlertmanagerSettings, partial(notifier_spec, "alertmanager", repeats=_REPEATS), _make)
