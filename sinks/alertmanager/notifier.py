"""Telling Alertmanagers of alerts."""

from typing import Final

import msgspec

from sinks.alertmanager.posting import postable
from sinks.alertmanager.settings import AlertmanagerSettings
from sinks.http import Destination, Poster
from sinks.receivers import require_receivers
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notification

_PATH: Final = "api/v2/alerts"
_MOST_ALERTS: Final = 1_000  # in one POST, about a megabyte
_LIVES: Final = 4  # times the interval, as Prometheus has it: so many posts may fail before an alert ends by itself


class AlertmanagerNotifier:
    """Posts all that fires, again and again, and what is resolved once, as Alertmanager expects it of its clients.

    To post an alert twice does no harm there.
    """

    def __init__(self, settings: AlertmanagerSettings, clock: Clock) -> None:
        require_receivers("alertmanager", settings.to)
        self._lasting = _LIVES * settings.repeat_interval
        self._clock = clock
        to = [Destination(receiver.name, receiver.url, receiver.authorization, receiver.ca) for receiver in settings.to]
        self._poster = Poster("alertmanager", to, settings.timeout, clock)

    async def start(self) -> None:
        """Prepare; nothing is connected yet."""
        await self._poster.start()

    async def send(self, notification: Notification) -> None:
        """Return once the Alertmanager has taken it. Raises RetryableError, or RefusedError for what it will never take."""
        now = self._clock.time()
        alerts = [postable(alert, now, self._lasting) for alert in notification.alerts]
        for start in range(0, len(alerts), _MOST_ALERTS):
            body = msgspec.json.encode(alerts[start : start + _MOST_ALERTS])
            await self._poster.post(notification.receiver, body, _PATH)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
