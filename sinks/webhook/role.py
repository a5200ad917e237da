"""The webhooks, as the wiring knows them."""

from typing import Final

from sinks.receivers import needing, receivers
from sinks.webhook.settings import WebhookSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole, NotifierSpec


def _spec(settings: WebhookSettings) -> NotifierSpec:
    return NotifierSpec(
        "webhook",
        receivers(settings.to),
        settings.group_by,
        wait=settings.group_wait,
        interval=settings.group_interval,
        repeat=settings.repeat_interval,
        watchdog=settings.watchdog,
    )


def _make(settings: WebhookSettings, clock: Clock) -> Notifier:
    with needing("aiohttp", "webhook", "webhook"):
        from sinks.webhook.notifier import WebhookNotifier  # noqa: PLC0415 only a process that posts pays for it

    return WebhookNotifier(settings, clock)


ROLE: Final = NotifierRole(WebhookSettings, _spec, _make)
