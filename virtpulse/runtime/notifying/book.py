"""The book of one partition: all groups of all receivers, which is due when, and from where on the log is still needed."""

import heapq
import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, NamedTuple

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import WATCHDOG, Alert
from virtpulse.messages.matchers import Matchers
from virtpulse.messages.moments import from_rfc3339
from virtpulse.messages.notified import Notified
from virtpulse.messages.reading import WHOLE
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.firing import Change, FiringAlert
from virtpulse.runtime.notifying.groups import UNLISTED, Group, Pace, Resolved
from virtpulse.runtime.notifying.memory import record, removal
from virtpulse.runtime.notifying.muting import Kept, Muting
from virtpulse.runtime.roles import Notification, NotifierSpec
from virtpulse.transports.interface import Message, Outgoing, Position

LATE: Final = 3_600.0  # seconds after its end; an alert that the log took in later than that was judged from old data
LINGER: Final = 60.0  # seconds for which a group that is over is kept at least, as its last changes may still be on their way
MAX_OWED: Final = 200_000

_MOST_REMOVALS: Final = 1_000  # in one step
_TAKEN: Final = -math.inf  # a group is listed for it while its receiver is being told
_WATCHDOGS: Final = (("alertname", WATCHDOG),)

Name = tuple[str, tuple[tuple[str, str], ...]]  # of a group: the receiver, and the labels sorted


class Telling(NamedTuple):
    """A notification of a group, and the position on the alerts topic before which it leaves nothing to be told."""

    group: Group
    notification: Notification
    until: int


class Book:
    """What the receivers were told of one partition's alerts, and what they are still to be told. Seconds since the epoch.

    read: the next position of the alerts topic to be read; what lies before `following` was handled by an earlier owner already.
    """

    def __init__(self, spec: NotifierSpec, partition: int, muting: Muting, counters: Counters, position: Position) -> None:
        self.partition = partition
        self.read, self.following = position
        self._spec = spec
        self._matchers = [(receiver.name, Matchers(receiver.match) if receiver.match else None) for receiver in spec.receivers]
        self._by = sorted(set(spec.group_by))
        self._pace = Pace(spec.wait, spec.interval, spec.repeat)
        self._muting = muting
        self._counters = counters
        self._groups: dict[Name, Group] = {}
        self._agenda: list[tuple[float, int, Group]] = []  # a group counts where it is listed for that time
        self._owed: list[tuple[int, int, str, Group]] = []  # positions of what is resolved and not told; the same
        self._numbers = count()
        self._news: set[Group] = set()

    @property
    def news(self) -> int:
        """How many groups have news that their receivers were not told."""
        return len(self._news)

    def restore(self, notified: Notified, now: float) -> Outgoing | None:
        """Take up what a receiver was told; return what forgets it if there is no such receiver any more."""
        name = notified.receiver, tuple(sorted(notified.group.items()))
        group = self._group(name)
        group.restore(notified, now)
        if all(receiver.name != notified.receiver for receiver in self._spec.receivers):
            del self._groups[name]
            return removal(self._spec.name, group, self.partition)
        return None

    def note(self, change: Change, now: float) -> None:
        """Take note of what fires, or fires no more."""
        firing = change.after or change.before
        if firing is None:
            return
        kept = self._muting.keeps(firing)
        for group in map(self._group, self._names(firing)):
            if change.after is None:
                group.ceases(firing.alert.fingerprint, now)
            else:
                self._count(group.fires(change.after, kept, now))
            self._list(group)

    def resolve(self, message: Message, alert: Alert, now: float) -> None:
        """Take note of a resolved alert that came with `message`. Raises InvalidError where too many wait already."""
        if len(self._owed) >= MAX_OWED:
            raise InvalidError(WHOLE, f"more than {MAX_OWED} resolved alerts wait to be told; the others are left out")
        late = message.time - from_rfc3339(alert.ends_at) > LATE
        heard = not late and not self._muting.kept(alert, message.time)
        resolved = Resolved(alert, message.position)
        for group in [self._group(name) for name in self._names(FiringAlert(alert)) if heard or name in self._groups]:
            if group.resolves(resolved, now, heard=heard):
                heapq.heappush(self._owed, (message.position, next(self._numbers), alert.fingerprint, group))
            self._list(group)

    def judge(self, now: float) -> None:
        """Judge anew the groups of which something was kept back: that may be over."""
        for group in self._groups.values():
            if group.keeps_back:
                self._judge(group, now)
                self._list(group)

    def caught_up(self) -> list[Group]:
        """Forget what receivers were told of that neither fires nor will be told as resolved; return the groups that had any.

        To be called once everything is read: retention may have taken what the alert ended with, or other groups have it now.
        The Watchdog is not forgotten: it is resolved by nobody, and when it beats again it goes on as before.
        """
        return [group for (_, labels), group in self._groups.items() if labels != _WATCHDOGS and group.forget()]

    def due(self, now: float) -> Iterator[Group]:
        """Yield the groups whose receivers are to be told now; each is `free` again once that is over."""
        while self._agenda and self._agenda[0][0] <= now:
            due, _, group = heapq.heappop(self._agenda)
            if group.listed == due:
                group.listed = _TAKEN
                yield group

    def all_due(self, now: float, hurried: Callable[[Pace], Pace]) -> Iterator[Group]:
        """Yield those that were due now if their pace were `hurried`, as `due` does."""
        for group in self._groups.values():
            if group.listed != _TAKEN and group.due(hurried(group.pace)) <= now:
                group.listed = _TAKEN
                yield group

    def free(self, group: Group) -> None:
        """List a group again that was due."""
        group.listed = UNLISTED
        self._list(group)

    def compose(self, group: Group, now: float) -> Telling | None:
        """Return what the group's receiver is to be told now, None if there is nothing any more."""
        if group.judged != self._muting.version:
            self._judge(group, now)
        notification = group.compose(now)
        return None if notification is None else Telling(group, notification, self.read)

    def tell(self, telling: Telling, now: float) -> Outgoing:
        """Take note that a receiver was told; return the message that remembers it."""
        telling.group.tell(telling.notification, telling.until, now)
        self._list(telling.group)
        return record(self._spec.name, telling.group, self.partition)

    def position(self) -> Position:
        """Return how far the partition is: the first message that is still to be told, and the next one to be handled."""
        following = max(self.following, self.read)
        while self._owed and not _is_owed(*self._owed[0]):
            heapq.heappop(self._owed)
        needed = self._owed[0][0] if self._owed else following
        return Position(min(needed, self.read, following), following)

    def prune(self, now: float) -> list[Outgoing]:
        """Forget groups that are over; return the messages that remove their records."""
        first_needed = self.position().first_needed
        over = [
            (name, group)
            for name, group in self._groups.items()
            if group.over and group.listed != _TAKEN and group.until <= first_needed and group.changed + LINGER <= now
        ]
        for name, _ in over[:_MOST_REMOVALS]:
            del self._groups[name]
        return [removal(self._spec.name, group, self.partition) for _, group in over[:_MOST_REMOVALS] if group.last is not None]

    def _names(self, firing: FiringAlert) -> Iterator[Name]:
        labels = firing.alert.labels
        if firing.watchdog and not self._spec.watchdog:
            return
        shared = _WATCHDOGS if firing.watchdog else tuple((name, labels[name]) for name in self._by if name in labels)
        for receiver, matchers in self._matchers:
            if matchers is None or matchers.match(labels):
                yield receiver, shared

    def _group(self, name: Name) -> Group:
        if name not in self._groups:
            receiver, labels = name
            pace = self._pace._replace(repeat=self._spec.watchdog) if labels == _WATCHDOGS else self._pace
            self._groups[name] = Group(receiver, dict(labels), pace, self._spec.repeats)
        return self._groups[name]

    def _judge(self, group: Group, now: float) -> None:
        group.judged = self._muting.version
        self._count(*group.judge(self._muting.keeps, now))

    def _list(self, group: Group) -> None:
        (self._news.add if group.has_news else self._news.discard)(group)
        due = group.due(group.pace)
        if group.listed not in {_TAKEN, due}:
            group.listed = due
            if due < UNLISTED:
                heapq.heappush(self._agenda, (due, next(self._numbers), group))

    def _count(self, *begun: Kept | None) -> None:
        self._counters.silenced += begun.count(Kept.SILENCED)
        self._counters.inhibited += begun.count(Kept.INHIBITED)


def _is_owed(position: int, _number: int, name: str, group: Group) -> bool:
    resolved = group.resolved.get(name)
    return resolved is not None and resolved.position == position
