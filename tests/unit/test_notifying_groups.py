"""What a group is told of, and when, whatever happens in between: random lives of alerts against what their reader believes."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telling import alert
from virtpulse.messages.alert import Alert
from virtpulse.runtime.firing import FiringAlert
from virtpulse.runtime.notifying.groups import UNLISTED, Group, Pace, Resolved
from virtpulse.runtime.notifying.muting import Kept
from virtpulse.runtime.roles import Notification, Repeats

BASE = 1_795_417_000.0
PACE = Pace(wait=5.0, interval=20.0, repeat=120.0)
RULES = ("A", "B", "C")

Episode = tuple[str, str]  # fingerprint and startsAt


@dataclass
class Life:
    """A group, what really fires, and what its receiver has read."""

    group: Group = field(default_factory=lambda: Group("ops", {"host": "kvm-07"}, PACE, Repeats.AUDIBLE))
    now: float = BASE
    firing: dict[str, Alert] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    ends_to_come: deque[tuple[Resolved, bool]] = field(default_factory=deque)
    position: int = 0
    under_way: tuple[Notification, int] | None = None
    believed: dict[str, str] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)  # what changed while it was sent, or was sent in vain
    surprising: set[Episode] = field(default_factory=set)  # told as resolved to one who did not believe that it fires
    happened: float | None = None  # when something did first since the last notification
    arrived: float | None = None  # when the last notification did, if something was believed to fire after it
    paused: list[float] = field(default_factory=list)  # since then, for each notification
    waited: list[float] = field(default_factory=list)  # since that, for each notification
    told: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    ever_muted: set[Episode] = field(default_factory=set)
    ever_free: set[Episode] = field(default_factory=set)

    def keeps(self, firing: FiringAlert) -> Kept | None:
        return Kept.SILENCED if firing.alert.labels["alertname"] in self.muted else None

    def fire(self, rule: str) -> None:
        self.now += 0.001  # so that no two begin at one moment
        one = self.firing.get(rule) or alert(rule, began=self.now)
        self.firing[rule] = one
        self.see(one)
        firing = FiringAlert(one)
        self.group.fires(firing, self.keeps(firing), self.now)

    def end(self, rule: str) -> None:
        one = self.firing.pop(rule, None)
        if one is not None:
            self.happened = self.happened or self.now
            self.group.ceases(one.fingerprint, self.now)
            self.ends_to_come.append((Resolved(self.ended(one), self.position), rule not in self.muted))
            self.position += 1

    def begin_anew(self, rule: str) -> None:
        """Begin again where it ended, so soon that nobody has seen it cease."""
        one = self.firing.pop(rule, None)
        if one is not None:
            self.ends_to_come.append((Resolved(self.ended(one), self.position), rule not in self.muted))
            self.position += 1
            self.fire(rule)

    def ended(self, one: Alert) -> Alert:
        ended = alert(one.labels["alertname"], began=self.now, ended=self.now)
        ended.starts_at = one.starts_at
        return ended

    def hear_of_an_end(self) -> None:
        if self.ends_to_come:
            resolved, heard = self.ends_to_come.popleft()
            self.happened = self.happened or self.now
            if self.under_way is not None:
                self.uncertain |= {one.fingerprint for one in self.under_way[0].alerts}
            self.group.resolves(resolved, self.now, heard=heard)

    def mute(self, rule: str) -> None:
        self.muted ^= {rule}
        for one in self.firing.values():
            self.see(one)
        self.group.judge(self.keeps, self.now)

    def see(self, one: Alert) -> None:
        self.happened = self.happened or self.now
        muted = one.labels["alertname"] in self.muted
        (self.ever_muted if muted else self.ever_free).add((one.fingerprint, one.starts_at))

    def compose(self) -> None:
        if self.under_way is None and self.group.due(PACE) <= self.now:
            notification = self.compose_now()
            if notification is not None:
                self.paused.append(self.now - (self.arrived or -UNLISTED))
                self.waited.append(self.now - (self.happened or -UNLISTED))
                self.happened = None

    def arrive(self) -> None:
        if self.under_way is None:
            return
        notification, until = self.under_way
        self.under_way = None
        for one in notification.alerts:
            self.told[one.fingerprint, one.starts_at, one.status] += one.fingerprint in notification.news
            if one.status == "firing":
                self.believed[one.fingerprint] = one.starts_at
                continue
            believed = self.believed.pop(one.fingerprint, None)
            assert believed is None or believed <= one.starts_at
            if believed is None and one.fingerprint not in self.uncertain:
                self.surprising.add((one.fingerprint, one.starts_at))
        self.arrived = self.now if self.believed else None
        self.group.tell(notification, until, self.now)

    def fail(self) -> None:
        if self.under_way is not None:
            self.uncertain |= {one.fingerprint for one in self.under_way[0].alerts}
            self.compose_now()

    def compose_now(self) -> Notification | None:
        notification = self.group.compose(self.now)
        until = self.position - len(self.ends_to_come)
        self.under_way = None if notification is None else (notification, until)
        return notification

    def settle(self) -> None:
        """Let everything come to rest."""
        for rule in tuple(self.muted):
            self.mute(rule)
        while self.ends_to_come:
            self.hear_of_an_end()
        for _ in range(4):
            self.compose()
            self.arrive()
            self.now += PACE.interval + PACE.wait


def lived(seed: int) -> Life:
    life, draw = Life(), random.Random(seed)
    acts = {"fire": 3, "end": 3, "hear_of_an_end": 3, "begin_anew": 1, "mute": 1, "compose": 4, "arrive": 3, "fail": 1}
    for _ in range(draw.randint(1, 120)):
        (act,) = draw.choices(list(acts), list(acts.values()))
        life.now += draw.choice([0.0, 0.0, 1.0, 6.0, 25.0])
        getattr(life, act)(*[draw.choice(RULES)] if act in {"fire", "end", "begin_anew", "mute"} else [])
    return life


@given(seed=st.integers(0, 10**9))
@settings(max_examples=400, deadline=None)
def test_in_the_end_the_reader_believes_what_is_true_and_read_no_change_twice(seed: int) -> None:
    life = lived(seed)
    life.settle()
    assert life.believed == {one.fingerprint: one.starts_at for one in life.firing.values()}
    assert life.group.told == life.believed
    assert not life.group.has_news
    assert max(life.told.values(), default=0) <= 1


@given(seed=st.integers(0, 10**9))
@settings(max_examples=200, deadline=None)
def test_news_are_told_after_the_interval_if_something_fires_and_no_sooner_than_they_have_waited(seed: int) -> None:
    life = lived(seed)
    assert min(life.paused, default=UNLISTED) >= PACE.interval
    assert min(life.waited, default=UNLISTED) >= PACE.wait


@given(seed=st.integers(0, 10**9))
@settings(max_examples=400, deadline=None)
def test_what_was_silenced_all_its_life_is_never_told_and_nothing_else_is_lost(seed: int) -> None:
    life = lived(seed)
    life.settle()
    told = {(name, starts_at) for name, starts_at, _ in life.told}
    as_firing = {(name, starts_at) for name, starts_at, status in life.told if status == "firing"}
    still = {(one.fingerprint, one.starts_at) for one in life.firing.values()}
    assert not (as_firing | life.surprising) & (life.ever_muted - life.ever_free - still)
    latest = dict(sorted(life.ever_free | life.ever_muted, key=lambda episode: episode[1])).items()
    assert {episode for episode in latest if episode not in life.ever_muted} <= told


@pytest.mark.parametrize("late", [0.0, 30.0])
def test_news_wait_for_others_and_for_the_interval(late: float) -> None:
    life = Life()
    life.fire("A")
    assert life.group.due(PACE) == life.now + PACE.wait
    life.now += PACE.wait
    life.compose()
    life.arrive()
    assert life.group.due(PACE) == life.now + PACE.repeat
    told = life.now
    life.now += late
    life.fire("B")
    assert life.group.due(PACE) == max(told + PACE.interval, life.now + PACE.wait)


def test_a_group_of_which_all_was_told_as_resolved_begins_anew_with_the_wait() -> None:
    life = Life()
    life.fire("A")
    life.now += 4.0
    life.end("A")
    life.hear_of_an_end()
    life.now += PACE.wait
    life.compose()
    life.arrive()
    assert [status for *_, status in life.told] == ["resolved"]
    life.now += 1.0
    life.fire("B")
    assert life.group.due(PACE) == life.now + PACE.wait
    life.now += PACE.wait
    life.compose()
    life.arrive()
    life.fire("C")
    assert life.arrived is not None
    assert life.group.due(PACE) == life.arrived + PACE.interval


def test_with_nothing_that_fires_nothing_is_due() -> None:
    life = Life()
    assert life.group.due(PACE) == UNLISTED
    life.fire("A")
    life.end("A")
    life.now += PACE.wait
    life.compose()
    assert life.under_way is None
    assert life.group.due(PACE) == UNLISTED
