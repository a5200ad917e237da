"""Receivers of a notifier that are down, slow, or refuse, against an in-memory transport."""

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.conftest import FakeClock
from tests.notifying import SPEC, Recorder, World, firing_state, run, said, state_message
from tests.telling import alert
from virtpulse.errors import FatalError, RefusedError, RetryableError
from virtpulse.messages.alert import fingerprint
from virtpulse.messages.codec import decode
from virtpulse.messages.deadletter import DeadLetter
from virtpulse.runtime.roles import Notification, Receiver
from virtpulse.topics import ALERTS, DEADLETTERS
from virtpulse.transports.interface import Position

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_each_receiver_gets_what_its_matchers_match(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    spec = replace(SPEC, receivers=(Receiver("ops"), Receiver("pager", ("severity=critical",))))
    running = run(world.transport, recorder, spec)
    world.fires("CpuBusy")
    world.fires("DiskSlow", severity="critical")
    await fake_clock.advance(4.0)
    told = {notification.receiver: said(notification) for _, notification in recorder.told}
    assert told == {"ops": ["+DiskSlow kvm-07", "+CpuBusy kvm-07"], "pager": ["+DiskSlow kvm-07"]}
    await running.stop()


async def test_a_receiver_that_is_down_holds_up_nobody_and_hears_everything_later(world: World, fake_clock: FakeClock) -> None:
    down = {"pager"}

    def fails(notification: Notification) -> Exception | None:
        return RetryableError("connection refused") if notification.receiver in down else None

    recorder = Recorder(fake_clock, fails)
    running = run(world.transport, recorder, replace(SPEC, receivers=(Receiver("pager"), Receiver("ops")), repeat=600.0))
    with capture_logs() as lines:
        world.fires("CpuBusy")
        world.fires("CpuBusy", host="kvm-08")
        await fake_clock.advance(10.0)
        world.ends("CpuBusy")
        await fake_clock.advance(25.0)
    assert recorder.said == [["+CpuBusy kvm-07"], ["+CpuBusy kvm-08"], ["-CpuBusy kvm-07"]]
    assert [line["role"] for line in lines if line["event"].startswith("failed")] == ["chat to pager"]
    assert running.counters.retried > 3
    down.clear()
    await fake_clock.advance(31.0)
    assert recorder.said[3:] == [["-CpuBusy kvm-07"], ["+CpuBusy kvm-08"]]
    assert {notification.receiver for _, notification in recorder.told[3:]} == {"pager"}
    await running.stop()


async def test_a_receiver_works_again_once_it_answers_and_not_when_nothing_is_left_to_be_told(
    world: World, fake_clock: FakeClock
) -> None:
    errors: list[Exception] = [RetryableError("connection refused")] * 100
    recorder = Recorder(fake_clock, lambda _: errors[0] if errors else None)
    running = run(world.transport, recorder)
    with capture_logs() as lines:
        world.fires()
        await fake_clock.advance(10.0)
        world.silence("alertname=CpuBusy", 600.0)
        await fake_clock.advance(60.0)
        tried = recorder.tried
        await fake_clock.advance(60.0)
        assert (recorder.tried, recorder.told) == (tried, [])
        assert [line["event"] for line in lines if line.get("role") == "chat to ops"] == ["failed, trying again until it works"]
        errors.clear()
        world.fires("DiskSlow")
        await fake_clock.advance(4.0)
    assert recorder.said == [["+DiskSlow kvm-07"]]
    assert [line["event"] for line in lines if line.get("role") == "chat to ops"][1:] == ["works again"]
    await running.stop()


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(world: World, fake_clock: FakeClock) -> None:
    errors: list[Exception] = [RetryableError("too many", after=120.0)]
    recorder = Recorder(fake_clock, lambda _: errors.pop() if errors else None)
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(120.0)
    assert (recorder.tried, recorder.told) == (1, [])
    await fake_clock.advance(10.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    await running.stop()


async def test_what_a_receiver_refuses_becomes_a_dead_letter_and_is_not_tried_again(world: World, fake_clock: FakeClock) -> None:
    recorder = Recorder(fake_clock, lambda _: RefusedError({0: "no such room"}))
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(25.0)
    (letter,) = world.transport.stored(DEADLETTERS)
    assert b"ops: no such room" in letter
    assert (recorder.tried, running.counters.refused, running.counters.sent) == (1, 1, 0)
    await running.stop()


async def test_the_dead_letter_of_a_notification_has_the_host_for_its_key(world: World, fake_clock: FakeClock) -> None:
    recorder = Recorder(fake_clock, lambda _: RefusedError({0: "no such room"}))
    running = run(world.transport, recorder, replace(SPEC, watchdog=10.0))
    world.fires()
    watchdog = alert("Watchdog", "none", began=0.0)
    del watchdog.labels["host"]
    watchdog.fingerprint = fingerprint(watchdog.labels)
    world.transport.append([state_message(firing_state(watchdog, rule="Watchdog", source=""))])
    await fake_clock.advance(25.0)
    assert sorted(message.key for message in world.transport.log.messages[DEADLETTERS, 0].values()) == ["", "kvm-07"]
    await running.stop()


async def test_each_of_the_news_that_are_refused_becomes_a_dead_letter_and_a_repetition_none(
    world: World, fake_clock: FakeClock
) -> None:
    refused = ["DiskSlow", "CpuBusy"]

    def fails(notification: Notification) -> Exception | None:
        found = {n: f"{n} is bad" for n, one in enumerate(notification.alerts) if one.labels["alertname"] in refused}
        return RefusedError(found) if found else None

    recorder = Recorder(fake_clock, fails)
    running = run(world.transport, recorder)
    for rule in ("MemoryShort", "DiskSlow", "CpuBusy"):
        world.fires(rule)
    with capture_logs() as lines:
        await fake_clock.advance(130.0)
    letters = [decode(value, DeadLetter) for value in world.transport.stored(DEADLETTERS)]
    assert sorted(msgspec.json.decode(letter.message)["labels"]["alertname"] for letter in letters) == ["CpuBusy", "DiskSlow"]
    assert recorder.tried == running.counters.refused == 3
    assert len([line for line in lines if line["event"] == "a receiver refused a notification"]) == 3
    refused.remove("DiskSlow")
    world.ends("DiskSlow")
    await fake_clock.advance(25.0)
    assert (recorder.tried, len(world.transport.stored(DEADLETTERS))) == (4, 2)
    await running.stop()


async def test_a_fatal_error_ends_the_role(world: World, fake_clock: FakeClock) -> None:
    recorder = Recorder(fake_clock, lambda _: FatalError("no such service"))
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(4.0)
    with pytest.raises(FatalError, match="no such service"):
        await running.task
    assert recorder.closed == 1


async def test_when_stopped_it_tries_a_service_that_is_down_once_more_and_tells_it_after_the_next_start(
    world: World, fake_clock: FakeClock
) -> None:
    down = [True]
    recorder = Recorder(fake_clock, lambda _: RetryableError("refused") if down else None)
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    world.fires("CpuBusy")
    world.ends("CpuBusy")
    world.fires("DiskSlow")
    await fake_clock.advance(1.0)
    with pytest.raises(RetryableError):
        await running.stop()
    assert recorder.tried == 1
    assert world.transport.committed["chat"][ALERTS, 0] == Position(1, 3)
    assert running.counters.pending == 1
    down.clear()
    running = run(world.transport, recorder)
    await fake_clock.advance(4.0)
    assert recorder.said == [["+DiskSlow kvm-07", "-CpuBusy kvm-07"]]
    await running.stop()


async def test_a_send_that_hangs_is_tried_again(world: World, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtpulse.runtime.notifying.deliveries.ANSWER_WITHIN", 0.01)
    hangs: list[Callable[[], float]] = [lambda: 1e9]

    class Hanging(Recorder):
        async def send(self, notification: Notification) -> None:
            if hangs:
                await fake_clock.sleep(hangs.pop()())
            await super().send(notification)

    recorder = Hanging(fake_clock)
    running = run(world.transport, recorder)
    world.fires()
    while not running.counters.retried:
        await fake_clock.advance(10.0)
    await fake_clock.advance(1.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    await running.stop()
