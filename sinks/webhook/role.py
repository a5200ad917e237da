"""The webhooks, as the wiring knows them."""

from functools import partial
from typing import Final

from sinks.receivers import needing, notifier_spec
from sinks.webhook.settings import WebhookSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole


def _make(settings: WebhookSettings, clock: Clock) -> Notifier:
    with needing("aiohttp", "webhook", "webhook"):
        from sinks.webhook.notifier import WebhookNotifier  # noqa: PLC0415 only a process that posts pays for it

    return WebhookNotifier(settings, clock)


ROLE: Final = NotifierRole(WebhookSettings, partial(notifier_spec, "webhook"), _make)
