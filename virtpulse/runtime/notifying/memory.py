"""What a notifier remembers in the log of what it has told."""

from typing import Final

from virtpulse.messages.codec import encode
from virtpulse.messages.notified import Notified, notified_key
from virtpulse.runtime.notifying.groups import Group
from virtpulse.topics import NOTIFICATIONS
from virtpulse.transports.interface import Outgoing

_NEVER_TOLD: Final = 0.0


def record(notifier: str, group: Group, partition: int) -> Outgoing:
    """Return the message that remembers what a receiver was told of a group."""
    notified = Notified(
        notifier=notifier,
        receiver=group.receiver,
        group=dict(group.labels),
        until=group.until,
        time=_NEVER_TOLD if group.last is None else group.last,
        firing=group.told,
    )
    return Outgoing(NOTIFICATIONS, _key(notifier, group), encode(notified), partition)


def removal(notifier: str, group: Group, partition: int) -> Outgoing:
    """Return the message that forgets a group."""
    return Outgoing(NOTIFICATIONS, _key(notifier, group), b"", partition)


def _key(notifier: str, group: Group) -> str:
    return notified_key(notifier, group.receiver, group.labels)
