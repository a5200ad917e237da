"""A notifier that is killed at any step and started again: each change is told, and at most what was under way is told twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pytest

from tests.conftest import FakeClock
from tests.memory import MemoryLog, MemorySubscription, MemoryTransport
from tests.notifying import SPEC, Recorder, World, run
from virtpulse.messages.alert import Alert
from virtpulse.runtime.roles import Notification, Receiver
from virtpulse.topics import ALERTS, NOTIFICATIONS
from virtpulse.transports.interface import Outgoing, Progress

QUICK: Final = replace(SPEC, receivers=(Receiver("ops"), Receiver("pager", ("severity=critical",))), wait=1.0, interval=2.0)
STEP: Final = 0.5  # seconds

Told = tuple[str, str, str, str]  # receiver, fingerprint, startsAt, status


class Steps:
    """Counts what is done to the world; at a chosen step it stops for ever, as a process does that is killed."""

    def __init__(self) -> None:
        self.count = 0
        self.crash_at: int | None = None
        self.crashed = False

    async def take(self) -> None:
        """Take a step, and perhaps never return."""
        self.count += 1
        if self.crashed or self.count == self.crash_at:
            self.crashed = True
            await asyncio.Event().wait()


class SteppingSubscription(MemorySubscription):
    """Takes a step before and after each transfer."""

    steps: Steps

    async def transfer(self, messages: Sequence[Outgoing], progress: Progress) -> None:
        """Store."""
        await self.steps.take()
        await super().transfer(messages, progress)
        await self.steps.take()


class SteppingTransport(MemoryTransport):
    """A connection of a process that is killed."""

    def __init__(self, clock: FakeClock, log: MemoryLog, steps: Steps) -> None:
        super().__init__(clock, log=log)
        self._steps = steps

    async def subscribe(self, group: str, topics: Sequence[str]) -> SteppingSubscription:
        """Join."""
        subscription = SteppingSubscription(self, group, topics)
        subscription.steps = self._steps
        return subscription


class SteppingRecorder(Recorder):
    """Takes a step before and after a receiver has got its notification."""

    def __init__(self, clock: FakeClock, steps: Steps) -> None:
        super().__init__(clock)
        self._steps = steps
        self.under_way: set[Told] = set()  # what each receiver was told last when the process was killed

    async def send(self, notification: Notification) -> None:
        """Deliver."""
        await self._steps.take()
        await super().send(notification)
        await self._steps.take()

    def killed(self) -> None:
        """Remember what may have been under way."""
        last = {notification.receiver: notification for _, notification in self.told}
        self.under_way.update(told for notification in last.values() for told in news_of(notification))


def news_of(notification: Notification) -> list[Told]:
    return [_told(notification.receiver, one) for one in notification.alerts if one.fingerprint in notification.news]


def _told(receiver: str, one: Alert) -> Told:
    return receiver, one.fingerprint, one.starts_at, one.status


@dataclass
class Story:
    """What happened, and what the receivers read of it."""

    recorder: SteppingRecorder
    steps: Steps
    world: World
    happened: list[Alert]

    def check(self, crashes: int) -> None:
        """Hold what was read against what happened."""
        read = Counter(told for _, notification in self.recorder.told for told in news_of(notification))
        last = {one.fingerprint: one for one in self.happened}.values()
        missing = {
            _told(receiver, one)
            for one in last
            for receiver in ("ops", "pager")
            if receiver == "ops" or one.labels["severity"] == "critical"
        } - read.keys()
        assert missing == set()
        twice = {told: count - 1 for told, count in read.items() if count > 1}
        assert twice.keys() <= self.recorder.under_way
        assert max(twice.values(), default=0) <= crashes


async def live(crash: Callable[[Steps], None]) -> Story:
    """Let alerts fire and end, while the notifier is killed at the step that `crash` chooses, and again after each start."""
    clock, log, steps = FakeClock(), MemoryLog(), Steps()
    transport = MemoryTransport(clock, log=log)
    world, recorder, happened = World(transport, clock), SteppingRecorder(clock, steps), list[Alert]()
    crash(steps)
    running = run(SteppingTransport(clock, log, steps), recorder, QUICK)

    async def pass_time(seconds: float) -> None:
        nonlocal running
        for _ in range(round(seconds / STEP)):
            await clock.advance(STEP)
            if steps.crashed:
                await running.kill()
                recorder.killed()
                log.owners.clear()
                steps.crashed = False
                crash(steps)
                await clock.advance(STEP)
                running = run(SteppingTransport(clock, log, steps), recorder, QUICK)

    await pass_time(1.0)
    for number in range(3):
        happened.append(world.fires(f"R{number}", severity="critical" if number == 1 else "warning"))
        await pass_time(1.5)
    happened.append(world.fires("R0", host="kvm-08"))
    happened.append(world.ends("R1", severity="critical"))
    await pass_time(0.5)
    happened.append(world.ends("R2"))
    happened.append(world.fires("R1", host="kvm-08", severity="critical"))
    await pass_time(3.0)
    happened.append(world.fires("R1", severity="critical"))
    happened.append(world.ends("R0"))
    await pass_time(0.5)
    happened.append(world.ends("R0", host="kvm-08"))
    await pass_time(4.0)
    steps.crash_at = None
    await pass_time(STEP * 2)
    await clock.advance(5.0)
    await running.stop()
    return Story(recorder, steps, world, happened)


async def test_an_undisturbed_run_tells_each_change_once() -> None:
    story = await live(lambda _: None)
    story.check(crashes=0)
    assert 20 <= story.steps.count <= 90
    log = story.world.transport.log
    assert log.committed["chat"][ALERTS, 0] == (10, 10)
    assert len(log.messages[NOTIFICATIONS, 0]) == 4  # two hosts, two receivers


@pytest.mark.slow
async def test_killed_at_any_step_it_tells_each_change_and_at_most_what_was_under_way_twice() -> None:
    undisturbed = await live(lambda _: None)
    for step in range(1, undisturbed.steps.count + 1):

        def once(steps: Steps, step: int = step) -> None:
            steps.crash_at = step if steps.count == 0 else None

        (await live(once)).check(crashes=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_killed_again_and_again_it_tells_each_change(seed: int) -> None:
    draw, crashes = random.Random(seed), 0

    def often(steps: Steps) -> None:
        nonlocal crashes
        crashes += 1
        steps.crash_at = steps.count + draw.randint(1, 12)

    (await live(often)).check(crashes)
