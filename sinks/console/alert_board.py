"""What the live table knows of alerts: those that fire, worst first, and those that were resolved a moment ago."""

import heapq
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import SEVERITIES, Alert
from virtpulse.messages.alert_reading import read_alert
from virtpulse.messages.moments import from_rfc3339
from virtpulse.runtime.firing import Change, Firing, FiringAlert
from virtpulse.topics import ALERT_STATES
from virtpulse.transports.interface import Batch, Message

SHOWN_FOR: Final = 30.0  # seconds for which a resolved alert is shown
RESOLVED: Final = "resolved"
KINDS: Final = (*SEVERITIES[:3], "other", RESOLVED)  # worst first

_MOST_RESOLVED: Final = 1_000


class Place(NamedTuple):
    """Where an alert is remembered: its partition and its fingerprint."""

    partition: int
    fingerprint: str


class AlertsView(NamedTuple):
    """The alerts at one moment.

    shown: at most as many as were asked for, those that fire first, worst first, then those resolved a moment ago. more: how
    many others there are of each of KINDS, worst first.
    """

    shown: Sequence[Alert]
    more: Mapping[str, int]


class AlertBoard:
    """Alerts as the topics alerts and alert-states tell of them. One thread may update it while another looks.

    Left out are those that their processor keeps back, and the Watchdog. most: how many are ever shown.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._states = Firing()
        self._firing: dict[Place, Alert] = {}
        self._resolved: dict[Place, tuple[Alert, float]] = {}  # with when the log took it in
        self._ranked: Sequence[Alert] | None = None
        self._kinds: Counter[str] = Counter()

    def update(self, batch: Batch, now: float) -> Mapping[int, str]:
        """Take up messages of one of the two topics; `now` in seconds since the epoch. Return why by index for those refused."""
        refused: dict[int, str] = {}
        with self._lock:
            self._ranked = None
            for index, message in enumerate(batch):
                try:
                    if batch.topic == ALERT_STATES:
                        self._put(message.key, self._states.take(message, now))
                    else:
                        self._change(message, now)
                except InvalidError as error:
                    refused[index] = error.reason
        return refused

    def view(self, count: int, now: float) -> AlertsView:
        """Return what is to be shown at `now`: at most `count` alerts, and never more than `most`."""
        with self._lock:
            self._forget(now)
            count = min(count, self._most)
            if self._ranked is None:
                self._ranked = heapq.nsmallest(self._most, self._firing.values(), key=_rank)
                self._kinds = Counter(map(kind, self._firing.values()))
            firing = self._ranked[:count]
            ended = [alert for alert, _ in reversed(self._resolved.values())]
            resolved = ended[: count - len(firing)]
            more = self._kinds - Counter(map(kind, firing))
            more[RESOLVED] = len(ended) - len(resolved)
            return AlertsView([*firing, *resolved], {kind: more[kind] for kind in KINDS if more[kind]})

    def _change(self, message: Message, now: float) -> None:
        alert = read_alert(message)
        place = Place(message.partition, alert.fingerprint)
        if alert.status != RESOLVED:
            self._resolved.pop(place, None)
            return
        self._put(alert.fingerprint, self._states.resolve(message.partition, alert))
        if message.time + SHOWN_FOR > now and place not in self._firing:  # else it fires again already
            self._resolved.pop(place, None)
            self._resolved[place] = alert, message.time
            if len(self._resolved) > _MOST_RESOLVED:
                del self._resolved[next(iter(self._resolved))]

    def _put(self, fingerprint: str, change: Change) -> None:
        place = Place(change.partition, fingerprint)
        if change.after is None or not _is_seen(change.after):
            self._firing.pop(place, None)
        else:
            self._firing[place] = change.after.alert
            self._resolved.pop(place, None)

    def _forget(self, now: float) -> None:
        for place in [place for place, (_, time) in self._resolved.items() if time + SHOWN_FOR <= now]:
            del self._resolved[place]


def kind(alert: Alert) -> str:
    """Return which of KINDS an alert is: resolved, or by its severity."""
    if alert.status == RESOLVED:
        return RESOLVED
    severity = alert.labels.get("severity", "")
    return severity if severity in SEVERITIES[:3] else "other"


def _is_seen(firing: FiringAlert) -> bool:
    return not firing.inhibited and not firing.watchdog


def _rank(alert: Alert) -> tuple[int, float, str]:
    """Return what alerts are sorted by: the worst first, of those the newest, and the rest steadily, so that they don't dance."""
    return KINDS.index(kind(alert)), -from_rfc3339(alert.starts_at), alert.fingerprint
