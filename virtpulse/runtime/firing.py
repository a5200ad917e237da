"""What fires now: the alert-states topic, by partition and fingerprint."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import UNSET

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import BEATS_FOR, WATCHDOG, Alert, AlertState
from virtpulse.messages.alert_reading import read_state
from virtpulse.messages.reading import WHOLE
from virtpulse.transports.interface import Message

MAX_FIRING: Final = 200_000


class FiringAlert(NamedTuple):
    """An alert that fires. inhibited: whether its processor keeps it back. watchdog: whether it is the one that always fires."""

    alert: Alert
    inhibited: bool = False
    watchdog: bool = False


class Change(NamedTuple):
    """What fires of a fingerprint in a partition, before and after a message; None if it does not."""

    partition: int
    before: FiringAlert | None
    after: FiringAlert | None


class Firing:
    """Every alert that fires, in all partitions, whether or not it is kept back.

    The Watchdog fires while its latest record is younger than BEATS_FOR.
    """

    def __init__(self) -> None:
        self._firing: dict[int, dict[str, FiringAlert]] = {}
        self._beats: dict[tuple[int, str], float] = {}
        self._count = 0

    def of(self, partition: int) -> Iterator[FiringAlert]:
        """Yield what fires in a partition."""
        yield from self._firing.get(partition, {}).values()

    def take(self, message: Message, now: float) -> Change:
        """Take up a message of the alert-states topic. Raises InvalidError for what cannot be read, which is left out then."""
        if not message.value:
            return self._put(message.partition, message.key, None)
        state = read_state(message)
        firing = _firing(state)
        if firing is not None and firing.watchdog:
            self._beats[message.partition, message.key] = message.time
            if message.time + BEATS_FOR <= now:
                firing = None
        return self._put(message.partition, message.key, firing)

    def resolve(self, partition: int, alert: Alert) -> Change:
        """Take note that an alert is resolved, where its state is not known to have changed yet."""
        before = self._firing.get(partition, {}).get(alert.fingerprint)
        if before is None or before.alert.starts_at != alert.starts_at:
            return Change(partition, before, before)
        return self._put(partition, alert.fingerprint, None)

    def fallen_silent(self, now: float) -> list[Change]:
        """Return the Watchdogs that do not beat any more, and forget them."""
        silent = [place for place, time in self._beats.items() if time + BEATS_FOR <= now]
        for place in silent:
            del self._beats[place]
        return [self._put(*place, None) for place in silent]

    def _put(self, partition: int, key: str, after: FiringAlert | None) -> Change:
        firing = self._firing.setdefault(partition, {})
        before = firing.get(key)
        if before is None and after is not None and self._count >= MAX_FIRING:
            raise InvalidError(WHOLE, f"more than {MAX_FIRING} alerts fire; the others are left out")
        self._count += (after is not None) - (before is not None)
        if after is None:
            firing.pop(key, None)
        else:
            firing[key] = after
        return Change(partition, before, after)


def _firing(state: AlertState) -> FiringAlert | None:
    if state.state == "pending" or not isinstance(state.alert, Alert):
        return None
    watchdog = state.rule == WATCHDOG and not state.source
    return FiringAlert(state.alert, inhibited=state.inhibited is not UNSET, watchdog=watchdog)
