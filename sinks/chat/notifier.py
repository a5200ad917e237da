"""Telling people of alerts in chats."""

import asyncio
from collections.abc import Hashable

from sinks.chat.message import compose
from sinks.chat.service import Service
from sinks.chat.settings import ChatSettings
from sinks.receivers import require_receivers
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notification


class ChatNotifier:
    """Posts each notification as one message.

    At least once: a service that took a message and whose answer was lost is told again.
    """

    def __init__(self, settings: ChatSettings, clock: Clock) -> None:
        require_receivers("chat", settings.to)
        self._clock = clock
        self._services = {
            receiver.name: Service(receiver.name, receiver.url, settings.lines, settings.timeout, clock)
            for receiver in settings.to
        }

    async def start(self) -> None:
        """Prepare nothing: the services are connected to by each message."""

    async def send(self, notification: Notification) -> None:
        """Return once the service has taken it. Raises RetryableError with why it did not, as far as apprise says."""
        service = self._services[notification.receiver]
        message = compose(notification, self._clock.time(), service.room)
        await service.tell(message, _about(notification))

    async def close(self) -> None:
        """Let go of the services."""
        async with asyncio.TaskGroup() as group:  # side by side, as each may wait for a call that does not return
            for service in self._services.values():
                group.create_task(service.close())


def _about(notification: Notification) -> Hashable:
    """Return what a notification tells, which its text does not show, as that says how long ago things were."""
    alerts = tuple((alert.fingerprint, alert.status, alert.starts_at) for alert in notification.alerts)
    return tuple(sorted(notification.group.items())), alerts, notification.news
