"""What a notifier remembers of what it has told, so that a restart tells nothing twice."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

NOTIFIED_VERSION: Final = 1

_MAX_KEY_BYTES: Final = 1_000


class Notified(msgspec.Struct, kw_only=True):
    """What a receiver was told of a group of alerts.

    notifier, receiver, group: who was told, and the labels that the group's alerts share. until: the position on the alerts
    topic before which all changes of the group are told. time: when it was told last, in seconds since the epoch.
    firing: fingerprint to startsAt of the alerts that it was told of as firing, and not yet as resolved.
    """

    notifier: str
    receiver: str
    group: dict[str, str]
    until: int
    time: float
    firing: dict[str, str]
    version: int = NOTIFIED_VERSION


def notified_key(notifier: str, receiver: str, group: Mapping[str, str]) -> str:
    """Return the key of the record on the notifications topic, never longer than a key may be."""
    labels = sorted(group.items())
    key = msgspec.json.encode([notifier, receiver, labels])
    if len(key) > _MAX_KEY_BYTES:
        key = msgspec.json.encode([notifier, receiver, blake2b(msgspec.json.encode(labels), digest_size=16).hexdigest()])
    return key.decode()


def is_told_by(notifier: str, key: str) -> bool:
    """Return whether `key` is that of a record of this notifier."""
    return key.startswith(msgspec.json.encode([notifier]).decode()[:-1] + ",")
