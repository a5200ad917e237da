"""One group of alerts as one receiver is told of it: what is news, what was told, and when it is to be told.

There is no I/O here, and time is handed in.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from virtpulse.messages.alert import Alert, severity_rank
from virtpulse.messages.moments import NEVER, from_rfc3339
from virtpulse.messages.notified import Notified
from virtpulse.runtime.firing import FiringAlert
from virtpulse.runtime.notifying.muting import Kept
from virtpulse.runtime.roles import Notification, Repeats

UNLISTED: Final = math.inf  # a group is due then of which nothing is to be told

Keeps = Callable[[FiringAlert], Kept | None]


class Pace(NamedTuple):
    """How often a group is told of, in seconds; see `NotifierSpec`."""

    wait: float
    interval: float
    repeat: float


class Resolved(NamedTuple):
    """A resolved alert that is not told yet, and its position on the alerts topic."""

    alert: Alert
    position: int


class Group:
    """What a receiver was told of a group, and what it is still to be told. Times in seconds since the epoch.

    told: fingerprint to startsAt of what it believes to fire. last: when it was told last. until: the position before which
    nothing is left to be told. resolved: what it is to be told of as resolved, by fingerprint; one that fires again is left out.
    changed: when something of it changed last. listed: for when the book lists it. judged: by which version of the muting.
    """

    def __init__(self, receiver: str, labels: Mapping[str, str], pace: Pace, repeats: Repeats) -> None:
        self.receiver = receiver
        self.labels = labels
        self.pace = pace
        self.told: dict[str, str] = {}
        self.last: float | None = None
        self.until = 0
        self.resolved: dict[str, Resolved] = {}
        self.changed = 0.0
        self.listed = UNLISTED
        self.judged = 0
        self._repeats = repeats
        self._firing: dict[str, FiringAlert] = {}
        self._kept: set[str] = set()  # of what fires
        self._held: dict[str, str] = {}  # fingerprint to startsAt of what was kept back before it was told
        self._telling: dict[str, str] = {}  # the same of what it may know by now: a notification of it is under way
        self._fresh: set[str] = set()  # what fires, is not kept back and was not told
        self._expected: set[str] = set()  # what was that and fires no more; that it is resolved is on its way
        self._news_since: float | None = None
        self._resting = False  # all that could be repeated is kept back

    def restore(self, notified: Notified, now: float) -> None:
        """Take up what was told before."""
        self.told = dict(notified.firing)
        self.last = min(notified.time, now)
        self.until = notified.until
        self.changed = now

    def fires(self, firing: FiringAlert, kept: Kept | None, now: float) -> Kept | None:
        """Take up an alert as it fires now; return why it is kept back, if that begins before it was told."""
        name = firing.alert.fingerprint
        self._firing[name] = firing
        self.resolved.pop(name, None)
        self._expected.discard(name)
        return self._judge(name, kept, now)

    def ceases(self, name: str, now: float) -> None:
        """Take note that the alert with this fingerprint does not fire any more; that it is resolved comes by itself."""
        firing = self._firing.pop(name, None)
        if firing is not None and firing.inhibited:
            self._held.pop(name, None)  # nobody will say that it is resolved
        self._kept.discard(name)
        if name in self._fresh:
            self._expected.add(name)
        self._weigh(name, now)

    def resolves(self, resolved: Resolved, now: float, *, heard: bool) -> bool:
        """Take up a resolved alert; return whether the receiver is to be told.

        It is, if it believes that the alert fires; else if it would have been told of that: `heard` says whether the alert was
        neither kept back nor judged long after. An alert that fires again is told as that.
        """
        name = resolved.alert.fingerprint
        wanted = resolved.position >= self.until and name not in self._firing and self._wants(resolved.alert, heard=heard)
        if wanted:
            self.resolved[name] = resolved
            self._begin_news(now)
        if name in self._held and _is_later(resolved.alert.starts_at, self._held[name]):
            del self._held[name]
        self._expected.discard(name)
        self._touch(now)
        return wanted

    def judge(self, keeps: Keeps, now: float) -> list[Kept]:
        """Judge anew what is kept back; return why, for each alert for which that begins before it was told."""
        begun = [self._judge(name, keeps(firing), now) for name, firing in self._firing.items()]
        return [kept for kept in begun if kept is not None]

    @property
    def keeps_back(self) -> bool:
        """Whether something that fires was kept back when it was judged last."""
        return bool(self._kept)

    @property
    def has_news(self) -> bool:
        """Whether there is something that the receiver is to be told of and was not."""
        return bool(self._fresh or self.resolved or self._expected)

    @property
    def over(self) -> bool:
        """Whether nothing fires, and nothing is left to be told."""
        return not (self._firing or self.told or self.has_news)

    def due(self, pace: Pace) -> float:
        """Return when to tell the receiver: of news after `wait`, and `interval` after it was told last; else after `repeat`.

        One that believes nothing to fire does not wait for `interval`: the group begins anew.
        """
        last = -math.inf if self.last is None else self.last
        if self._news_since is not None:
            return max(self._news_since + pace.wait, last + pace.interval if self.told else -math.inf)
        repeats = self.last is not None and self._firing and self.told and not self._resting
        return last + pace.repeat if repeats else UNLISTED

    def compose(self, now: float) -> Notification | None:
        """Return what is to be told now; None if there is no news, and nothing to be repeated or not yet."""
        firing = [firing.alert for name, firing in self._firing.items() if self._is_told_of(name)]
        news = frozenset(self._fresh | self.resolved.keys())
        self._expected.clear()
        self._news_since = None
        if not news and (not firing or self.due(self.pace) > now):
            self._resting = not firing
            return None
        self._telling = {alert.fingerprint: alert.starts_at for alert in firing}
        resolved = [resolved.alert for resolved in self.resolved.values()]
        return Notification(self.receiver, self.labels, [*sorted(firing, key=_rank), *sorted(resolved, key=_rank)], news)

    def tell(self, notification: Notification, until: int, now: float) -> None:
        """Take note that the receiver was told, of all changes before the position `until`."""
        for alert in notification.alerts:
            name = alert.fingerprint
            if alert.status == "firing":
                self.told[name] = alert.starts_at
                self._held.pop(name, None)
            else:
                self.told.pop(name, None)
                if name in self.resolved and self.resolved[name].alert is alert:
                    del self.resolved[name]
            self._weigh(name, now)
        self._telling = {}
        self.last = now
        self.until = max(self.until, until)
        if self.has_news:  # it came while this was under way
            self._begin_news(now)

    def forget(self) -> frozenset[str]:
        """Forget what the receiver believes to fire, but neither fires nor is left to be told; return the fingerprints."""
        lost = frozenset(self.told.keys() - self._firing.keys() - self.resolved.keys())
        for name in lost:
            del self.told[name]
        return lost

    def _wants(self, alert: Alert, *, heard: bool) -> bool:
        believed = self._telling.get(alert.fingerprint) or self.told.get(alert.fingerprint)
        if believed is not None:
            return believed == alert.starts_at or not _is_later(believed, alert.starts_at)
        return heard and not _is_later(self._held.get(alert.fingerprint, NEVER), alert.starts_at)

    def _judge(self, name: str, kept: Kept | None, now: float) -> Kept | None:
        starts_at = self._firing[name].alert.starts_at
        (self._kept.discard if kept is None else self._kept.add)(name)
        self._weigh(name, now)
        if starts_at in {self._held.get(name), self.told.get(name), self._telling.get(name)}:
            return None
        if kept is not None:
            self._held[name] = starts_at
        return kept

    def _weigh(self, name: str, now: float) -> None:
        """Find out whether an alert is news."""
        firing = self._firing.get(name)
        if firing is None or name in self._kept or self.told.get(name) == firing.alert.starts_at:
            self._fresh.discard(name)
        elif name not in self._fresh:
            self._fresh.add(name)
            self._begin_news(now)
        self._touch(now)

    def _begin_news(self, now: float) -> None:
        if self._news_since is None:
            self._news_since = now

    def _touch(self, now: float) -> None:
        self.changed, self._resting = now, False
        if not self.has_news:
            self._news_since = None

    def _is_told_of(self, name: str) -> bool:
        return name not in self._kept or (self._repeats is Repeats.TOLD and name in self.told)


def _is_later(moment: str, other: str) -> bool:
    """Return whether `moment` is `other` or later, both RFC 3339."""
    return moment == other or from_rfc3339(moment) > from_rfc3339(other)


def _rank(alert: Alert) -> tuple[int, str, str]:
    return severity_rank(alert.labels.get("severity", "")), alert.starts_at, alert.fingerprint
