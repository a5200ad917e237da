"""Telling Alertmanagers of alerts."""

from typing import Final

import msgspec

from sinks.alertmanager.posting import postable
from sinks.alertmanager.settings import AlertmanagerSettings
from sinks.http import Destination, Poster
from sinks.receivers import require_receivers
from virtpulse.clock import Clock
from virtpulse.errors import RefusedError
from virtpulse.runtime.roles import Notification

_PATH: Final = "api/v2/alerts"
_MOST_ALERTS: Final = 1_000  # in one POST, about a megabyte
_MOST_POSTS: Final = 32  # of one notification; enough to find one alert of a thousand that is refused
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
        """Return once the Alertmanager has taken it. Raises RetryableError, or RefusedError for alerts that it will never take.

        One alert that is not valid has it refuse a whole POST, of which it takes the valid ones nevertheless, and it does not say
        which. So a POST with news that was refused is sent again in halves, until those are alone that it refuses.
        """
        now = self._clock.time()
        alerts = [postable(alert, now, self._lasting) for alert in notification.alerts]
        every = range(len(alerts))
        pieces = [every[start : start + _MOST_ALERTS] for start in every[::_MOST_ALERTS]]
        refused: dict[int, str] = {}
        posts = 0
        while pieces:
            piece = pieces.pop(0)
            posts += 1
            try:
                await self._poster.post(notification.receiver, msgspec.json.encode(alerts[piece.start : piece.stop]), _PATH)
            except RefusedError as error:
                if len(piece) > 1 and notification.news and posts < _MOST_POSTS:
                    middle = len(piece) // 2
                    pieces += [piece[:middle], piece[middle:]]
                else:
                    refused |= dict.fromkeys(piece, error.first)
        if refused:
            raise RefusedError(refused)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
