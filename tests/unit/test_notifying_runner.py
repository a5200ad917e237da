"""Running a notifier against an in-memory transport: what is told when, and once."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.conftest import FakeClock
from tests.memory import MemoryTransport
from tests.notifying import SPEC, Recorder, World, firing_state, run, state_message
from tests.telling import alert
from virtpulse.messages.codec import encode
from virtpulse.messages.notified import Notified, notified_key
from virtpulse.runtime.until import Until
from virtpulse.topics import ALERT_STATES, ALERTS, DEADLETTERS, NOTIFICATIONS, SILENCES
from virtpulse.transports.interface import Outgoing, Position


async def test_a_group_is_told_once_after_the_wait_and_again_after_the_interval(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    began = fake_clock.time()
    world.fires("CpuBusy")
    await fake_clock.advance(2.0)
    world.fires("DiskSlow", severity="critical")
    world.fires("CpuBusy", host="kvm-08")
    await fake_clock.advance(4.0)
    assert recorder.said == [["+DiskSlow kvm-07", "+CpuBusy kvm-07"], ["+CpuBusy kvm-08"]]
    assert [round(time - began) for time, _ in recorder.told] == [3, 5]
    world.ends("CpuBusy")
    await fake_clock.advance(16.0)
    assert len(recorder.told) == 2
    await fake_clock.advance(2.0)
    assert recorder.said[2:] == [["+DiskSlow kvm-07", "-CpuBusy kvm-07"]]
    assert recorder.told[2][1].news == {recorder.told[2][1].alerts[1].fingerprint}
    assert round(recorder.told[2][0] - began) == 23
    await running.stop()
    assert (recorder.started, recorder.closed) == (1, 1)
    assert running.counters.sent == 3


async def test_what_fires_on_is_repeated(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(4.0 + 2 * 61.0)
    assert recorder.said == [["+CpuBusy kvm-07"]] * 3
    assert recorder.news == [1, 0, 0]
    await running.kill()


async def test_what_fired_and_ended_between_two_notifications_is_told_once_as_resolved(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    world.fires()
    await fake_clock.advance(2.0)
    world.ends()
    await fake_clock.advance(2.0)
    assert recorder.said == [["-CpuBusy kvm-07"]]
    await fake_clock.advance(130.0)
    assert len(recorder.told) == 1
    await running.stop()


@pytest.mark.slow
async def test_after_an_alert_that_was_told_as_resolved_only_the_next_one_waits_for_no_interval(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder, replace(SPEC, interval=300.0))
    await fake_clock.advance(1.0)
    world.fires()
    await fake_clock.advance(2.0)
    world.ends()
    await fake_clock.advance(13.0)
    world.fires("DiskSlow")
    await fake_clock.advance(4.0)
    assert recorder.said == [["-CpuBusy kvm-07"], ["+DiskSlow kvm-07"]]
    world.ends("DiskSlow")
    await fake_clock.advance(290.0)
    assert len(recorder.told) == 2
    await fake_clock.advance(10.0)
    assert recorder.said[2:] == [["-DiskSlow kvm-07"]]
    await fake_clock.advance(100.0)
    assert world.transport.stored(NOTIFICATIONS) == [b""]
    await running.stop()


async def test_a_flip_while_the_process_was_down_is_told(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    running = run(world.transport, recorder)
    world.fires("CpuBusy")
    world.fires("DiskSlow")
    await fake_clock.advance(4.0)
    await running.kill()
    world.ends("CpuBusy")
    world.ends("DiskSlow")
    await fake_clock.advance(5.0)
    world.fires("DiskSlow")
    world.fires("MemoryShort")
    world.ends("MemoryShort")
    running = run(world.transport, recorder)
    await fake_clock.advance(25.0)
    assert recorder.said[1:] == [["+DiskSlow kvm-07", "-CpuBusy kvm-07", "-MemoryShort kvm-07"]]
    await running.stop()


async def test_a_new_group_is_told_what_fires_and_nothing_of_the_history(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    world.fires("DiskSlow")
    world.fires("CpuBusy")
    world.ends("CpuBusy")
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    assert world.transport.committed["chat"][ALERTS, 0] == Position(3, 3)
    await running.kill()
    running = run(world.transport, recorder)
    await fake_clock.advance(4.0)
    assert recorder.said == [["+DiskSlow kvm-07"]]
    await running.stop()


async def test_what_the_log_took_in_long_after_its_end_is_told_only_to_who_believes_that_it_fires(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    began = fake_clock.time() - 9_000
    one, other = alert("CpuBusy", began=began), alert("DiskSlow", began=began)
    world.transport.append([state_message(firing_state(one))])
    await fake_clock.advance(4.0)
    ended = [alert(name, began=began, ended=began + 60) for name in ("CpuBusy", "DiskSlow")]
    world.transport.append(
        [Outgoing(ALERT_STATES, one.fingerprint, b"", 0), *(Outgoing(ALERTS, "h", encode(e), 0) for e in ended)]
    )
    await fake_clock.advance(25.0)
    assert recorder.said == [["+CpuBusy kvm-07"], ["-CpuBusy kvm-07"]]
    assert other.fingerprint not in {a.fingerprint for _, n in recorder.told for a in n.alerts}
    await running.stop()


async def test_when_stopped_it_tells_what_still_waits(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    world.fires()
    await fake_clock.advance(1.0)
    await running.stop()
    assert recorder.said == [["+CpuBusy kvm-07"]]
    assert world.transport.committed["chat"][ALERTS, 0] == Position(1, 1)
    assert running.counters.pending == 0
    await run(world.transport, recorder).stop()
    assert len(recorder.told) == 1


async def test_a_drain_tells_everything_at_once_and_ends(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    await run(world.transport, recorder).stop()
    world.transport.log.committed["chat"][ALERTS, 0] = Position(0, 0)
    world.fires("CpuBusy")
    world.fires("DiskSlow")
    world.ends("CpuBusy")
    running = run(world.transport, recorder, until=Until.DRAINED)
    await fake_clock.advance(5.0)
    running.task.result()
    assert recorder.said == [["+DiskSlow kvm-07", "-CpuBusy kvm-07"]]
    assert world.transport.committed["chat"][ALERTS, 0] == Position(3, 3)


async def test_a_partition_that_is_lost_is_restored_and_nothing_is_told_twice(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    world.fires("CpuBusy")
    await fake_clock.advance(10.0)
    world.transport.faults.extend([MemoryTransport.Fault.NONE, MemoryTransport.Fault.LOST, MemoryTransport.Fault.REVOKED])
    await fake_clock.advance(2.0)
    world.fires("DiskSlow")
    await fake_clock.advance(25.0)
    assert recorder.said == [["+CpuBusy kvm-07"], ["+CpuBusy kvm-07", "+DiskSlow kvm-07"]]
    assert recorder.news == [1, 1]
    await running.stop()


async def test_the_record_of_a_group_that_is_over_is_removed(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(4.0)
    (record,) = world.transport.stored(NOTIFICATIONS)
    assert b"CpuBusy" not in record
    world.ends()
    await fake_clock.advance(21.0)
    assert len(recorder.told) == 2
    await fake_clock.advance(100.0)
    assert world.transport.stored(NOTIFICATIONS) == [b""]
    await running.stop()


async def test_a_receiver_that_was_taken_out_is_forgotten_and_other_notifiers_are_left_alone(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    for notifier, receiver in (("chat", "gone"), ("chatter", "ops")):
        group = {"host": "kvm-07"}
        notified = Notified(notifier=notifier, receiver=receiver, group=group, until=0, time=0.0, firing={})
        world.transport.append([Outgoing(NOTIFICATIONS, notified_key(notifier, receiver, group), encode(notified), 0)])
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    values = world.transport.stored(NOTIFICATIONS)
    assert [b"chatter" in value for value in values] == [True, False]
    assert values[1] == b""
    await running.stop()


async def test_broken_messages_become_dead_letters_or_are_counted_and_the_rest_goes_on(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    good = alert(began=fake_clock.time(), ended=fake_clock.time())
    forged, timeless = encode(good).replace(b"kvm-07", b"kvm-09"), encode(good).replace(good.starts_at.encode(), b"yesterday")
    running = run(world.transport, recorder)
    await fake_clock.advance(1.0)
    world.transport.add(ALERTS, b"{", b"[]", b"\xff", forged, timeless, b"[" * 10_000, b'{"status": "fine"}')
    world.transport.add(ALERT_STATES, b"{", encode(firing_state(good)), b'{"version": 9}')
    world.transport.add(SILENCES, b"{", b"[]")
    world.transport.add(NOTIFICATIONS, b"{")
    world.fires()
    await fake_clock.advance(4.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    assert len(world.transport.stored(DEADLETTERS)) == 7
    assert running.counters.refused >= 9
    await running.stop()
    await run(world.transport, recorder).stop()


async def test_alerts_that_were_told_and_vanished_without_a_trace_are_forgotten(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    lost = [world.fires(host=f"kvm-{number}") for number in range(10, 17)]
    await fake_clock.advance(4.0)
    await running.kill()
    world.transport.append([Outgoing(ALERT_STATES, one.fingerprint, b"", 0) for one in lost])
    running = run(world.transport, recorder)
    with capture_logs() as lines:
        await fake_clock.advance(100.0)
    (warning,) = [line for line in lines if "does not say how" in line["event"]]
    assert (warning["log_level"], warning["groups"]) == ("warning", 7)
    assert warning["first"] == [f"ops: host=kvm-{number}" for number in range(10, 15)]
    assert world.transport.stored(NOTIFICATIONS) == [b""] * 7
    await running.stop()
