"""Telling receivers of alerts by webhook."""

import hashlib
import secrets
from typing import Final

import msgspec

from sinks.http import Destination, Poster
from sinks.receivers import refused_whole, require_receivers
from sinks.webhook.body import webhook_body
from sinks.webhook.settings import WebhookReceiver, WebhookSettings
from sinks.webhook.signature import signed, signing_key
from virtpulse.clock import Clock
from virtpulse.errors import RetryableError, UsageError
from virtpulse.runtime.roles import Notification

_ID_CHARS: Final = 32


class WebhookNotifier:
    """Posts each notification as Alertmanager's webhook does, signed where the receiver has a secret.

    At least once: a receiver whose answer is lost gets the body again, with the same `webhook-id`.
    """

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        require_receivers("webhook", settings.to)
        self._settings = settings
        self._clock = clock
        to = [Destination(receiver.name, receiver.url, receiver.authorization, receiver.ca) for receiver in settings.to]
        self._poster = Poster("webhook", to, settings.timeout, clock)
        self._receivers = {receiver.name: receiver for receiver in settings.to}
        self._taken = {receiver.name: 0 for receiver in settings.to}
        self._run = secrets.token_bytes(16)
        for receiver in settings.to:
            _key(receiver)

    async def start(self) -> None:
        """Prepare; nothing is connected yet."""
        await self._poster.start()

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has taken it. Raises RetryableError, or RefusedError for what it will never take."""
        name = notification.receiver
        body = msgspec.json.encode(webhook_body(notification, self._settings.most_alerts, self._settings.external_url))
        try:
            key = _key(self._receivers[name])
        except UsageError as error:  # of a file or a variable that was there when it began
            raise RetryableError(str(error)) from error
        headers = signed(key, self._id(name, body), int(self._clock.time()), body) if key else {}
        with refused_whole(notification):
            await self._poster.post(name, body, headers=headers)
        self._taken[name] += 1

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    def _id(self, name: str, body: bytes) -> str:
        """Return the same for a body that is sent again, and another for an equal one after it was taken."""
        told = b"".join((self._run, name.encode(), self._taken[name].to_bytes(8, "big"), body))
        return f"msg_{hashlib.sha256(told).hexdigest()[:_ID_CHARS]}"


def _key(receiver: WebhookReceiver) -> bytes:
    """Return the key to sign with, empty without a secret. Raises UsageError."""
    if receiver.secret is None:
        return b""
    try:
        return signing_key(receiver.secret.reveal())
    except ValueError as error:
        msg = f'sinks.webhook.to.secret of "{receiver.name}" {error}'
        raise UsageError(msg) from error
