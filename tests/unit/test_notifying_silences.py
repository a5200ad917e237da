"""What a notifier keeps back, against an in-memory transport: what is silenced or inhibited, and a silent Watchdog."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.conftest import FakeClock
from tests.notifying import SPEC, Recorder, World, firing_state, run, state_message
from tests.telling import alert
from virtpulse.messages.codec import encode
from virtpulse.messages.inhibition import Inhibition
from virtpulse.runtime.roles import Repeats
from virtpulse.topics import ALERTS
from virtpulse.transports.interface import Outgoing, Position


async def test_a_silenced_alert_is_told_when_the_silence_ends_if_it_still_fires(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    world.silence("alertname=CpuBusy", 30.0)
    world.fires("CpuBusy")
    world.fires("CpuBusy", host="kvm-08")
    await fake_clock.advance(15.0)
    world.ends("CpuBusy", host="kvm-08")
    await fake_clock.advance(14.0)
    assert recorder.told == []
    assert running.counters.silenced == 2
    assert world.transport.committed["chat"][ALERTS, 0] == Position(3, 3)
    await fake_clock.advance(5.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    await running.stop()


async def test_a_silence_that_is_removed_lets_what_fires_be_told(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    world.silence("host=kvm-07", 6_000.0)
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(10.0)
    world.silence_removed()
    await fake_clock.advance(4.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    await running.stop()


async def test_what_was_told_and_then_silenced_is_not_repeated_but_its_end_is_told(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(4.0)
    world.silence("host=kvm-07", 100.0)
    await fake_clock.advance(90.0)
    assert len(recorder.told) == 1
    world.ends()
    await fake_clock.advance(4.0)
    assert recorder.said == [["+CpuBusy kvm-07"], ["-CpuBusy kvm-07"]]
    await running.stop()


async def test_what_was_told_is_repeated_once_a_silence_is_over(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    running = run(world.transport, recorder)
    world.fires()
    await fake_clock.advance(4.0)
    world.silence("host=kvm-07", 100.0)
    await fake_clock.advance(99.0)
    assert len(recorder.told) == 1
    await fake_clock.advance(2.0)
    assert (recorder.said, recorder.news) == ([["+CpuBusy kvm-07"]] * 2, [1, 0])
    await running.stop()


async def test_a_notifier_that_mirrors_goes_on_with_what_it_told_before_the_silence(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    spec = replace(SPEC, wait=0.0, interval=2.0, repeat=10.0, repeats=Repeats.TOLD)
    running = run(world.transport, recorder, spec)
    world.fires("CpuBusy")
    await fake_clock.advance(1.0)
    world.silence("host=kvm-07", 60.0)
    world.fires("DiskSlow")
    await fake_clock.advance(45.0)
    assert recorder.said == [["+CpuBusy kvm-07"]] * 5
    world.ends("CpuBusy")
    await fake_clock.advance(3.0)
    assert recorder.said[-1] == ["-CpuBusy kvm-07"]
    await fake_clock.advance(15.0)
    assert recorder.said[6:] == [["+DiskSlow kvm-07"]]
    await running.stop()


async def test_alerts_are_inhibited_while_others_fire(world: World, recorder: Recorder, fake_clock: FakeClock) -> None:
    inhibition = Inhibition(source=("alertname=SwitchDown",), target=("alertname!=SwitchDown",), equal=("vm=switch",))
    running = run(world.transport, recorder, inhibitions=[inhibition])
    world.fires("SwitchDown", host="edge")
    world.fires("CpuBusy")
    world.fires("DiskSlow")
    await fake_clock.advance(10.0)
    assert recorder.said == [["+SwitchDown edge"]]
    assert running.counters.inhibited == 2
    world.ends("SwitchDown", host="edge")
    await fake_clock.advance(1.0)
    world.ends("DiskSlow")
    await fake_clock.advance(25.0)
    assert recorder.said[1:] == [["+CpuBusy kvm-07"], ["-SwitchDown edge"]]
    await running.stop()


async def test_what_its_processor_keeps_back_is_not_told_until_it_does_not(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    running = run(world.transport, recorder)
    one = alert(began=fake_clock.time())
    world.transport.append([state_message(firing_state(one, inhibited=True))])
    await fake_clock.advance(10.0)
    assert (recorder.told, running.counters.inhibited) == ([], 1)
    world.transport.append([state_message(firing_state(one)), Outgoing(ALERTS, "h", encode(one), 0)])
    await fake_clock.advance(4.0)
    assert recorder.said == [["+CpuBusy kvm-07"]]
    await running.stop()


@pytest.mark.slow
@pytest.mark.parametrize(("every", "told"), [(30.0, 7), (0.0, 0)])
async def test_the_watchdog_is_told_again_and_again_until_it_falls_silent(
    world: World, recorder: Recorder, fake_clock: FakeClock, every: float, told: int
) -> None:
    running = run(world.transport, recorder, replace(SPEC, watchdog=every))
    beat = firing_state(alert("Watchdog", "none", began=fake_clock.time()), rule="Watchdog", source="")
    world.transport.append([state_message(beat)])
    await fake_clock.advance(20.0)
    world.transport.append([state_message(beat)])
    await fake_clock.advance(250.0)
    assert [notification.group for _, notification in recorder.told] == [{"alertname": "Watchdog"}] * told
    world.transport.append([state_message(beat)])
    await fake_clock.advance(10.0)
    assert len(recorder.told) == told + bool(told)
    await running.stop()


async def test_after_a_pause_the_watchdog_is_no_lost_alert_and_told_again_when_it_would_have_been(
    world: World, recorder: Recorder, fake_clock: FakeClock
) -> None:
    spec = replace(SPEC, watchdog=600.0)
    beat = state_message(firing_state(alert("Watchdog", "none", began=fake_clock.time()), rule="Watchdog", source=""))
    running = run(world.transport, recorder, spec)
    world.transport.append([beat])
    await fake_clock.advance(4.0)
    await running.kill()
    told = fake_clock.time()
    await fake_clock.advance(400.0)
    running = run(world.transport, recorder, spec)
    with capture_logs() as lines:
        await fake_clock.advance(10.0)
        for _ in range(18):
            world.transport.append([beat])
            await fake_clock.advance(10.0)
    assert not [line for line in lines if line["log_level"] == "warning"]
    assert len(recorder.told) == 1
    for _ in range(3):
        world.transport.append([beat])
        await fake_clock.advance(10.0)
    assert len(recorder.told) == 2
    assert recorder.told[1][0] - told == pytest.approx(600.0, abs=5.0)
    await running.stop()
