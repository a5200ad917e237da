"""What fires now: the alert-states topic, by partition and fingerprint."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import UNSET

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import Alert, AlertState
from virtpulse.messages.alert_reading import read_state
from virtpulse.messages.reading import WHOLE
from virtpulse.transports.interface import Message

WATCHDOG: Final = "Watchdog"
BEATS_FOR: Final = 180.0  # seconds for which one record of the Watchdog says that the alerts are judged
MAX_FIRING: Final = 200_000


class Standing(NamedTuple):
    """An alert that fires. inhibited: whether its processor keeps it back. watchdog: whether it is the one that always fires."""

    alert: Alert
    inhibited: bool = False
    watchdog: bool = False


class Change(NamedTuple):
    """What fires of a fingerprint in a partition, before and after a message; None if it does not."""

    partition: int
    before: Standing | None
    after: Standing | None


class Firing:
    """Every alert that fires, in all partitions, whether or not it is kept back.

    The Watchdog fires while its latest record is younger than BEATS_FOR.
    """

    def __init__(self) -> None:
        self._standing: dict[int, dict[str, Standing]] = {}
        self._beats: dict[tuple[int, str], float] = {}
        self._count = 0

    def of(self, partition: int) -> Iterator[Standing]:
        """Yield what fires in a partition."""
        yield from self._standing.get(partition, {}).values()

    def take(self, message: Message, now: float) -> Change:
        """Take up a message of the alert-states topic. Raises InvalidError for what cannot be read, which is left out then."""
        if not message.value:
            return self._put(message.partition, message.key, None)
        state = read_state(message)
        standing = _standing(state)
        if standing is not None and standing.watchdog:
            self._beats[message.partition, message.key] = message.time
            if message.time + BEATS_FOR <= now:
                standing = None
        return self._put(message.partition, message.key, standing)

    def resolve(self, partition: int, alert: Alert) -> Change:
        """Take note that an alert is resolved, where its state is not known to have changed yet."""
        before = self._standing.get(partition, {}).get(alert.fingerprint)
        if before is None or before.alert.starts_at != alert.starts_at:
            return Change(partition, before, before)
        return self._put(partition, alert.fingerprint, None)

    def fallen_silent(self, now: float) -> list[Change]:
        """Return the Watchdogs that do not beat any more, and forget them."""
        silent = [place for place, time in self._beats.items() if time + BEATS_FOR <= now]
        for place in silent:
            del self._beats[place]
        return [self._put(*place, None) for place in silent]

    def _put(self, partition: int, key: str, after: Standing | None) -> Change:
        standing = self._standing.setdefault(partition, {})
        before = standing.get(key)
        if before is None and after is not None and self._count >= MAX_FIRING:
            raise InvalidError(WHOLE, f"more than {MAX_FIRING} alerts fire; the others are left out")
        self._count += (after is not None) - (before is not None)
        if after is None:
            standing.pop(key, None)
        else:
            standing[key] = after
        return Change(partition, before, after)


def _standing(state: AlertState) -> Standing | None:
    if state.state == "pending" or not isinstance(state.alert, Alert):
        return None
    watchdog = state.rule == WATCHDOG and not state.source
    return Standing(state.alert, inhibited=state.inhibited is not UNSET, watchdog=watchdog)
