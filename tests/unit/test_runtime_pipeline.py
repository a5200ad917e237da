"""Starting and stopping. The stages are made up: they must hang, fail and end at chosen moments."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from virtpulse.errors import FatalError, OutputClosedError, RetryableError
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.pipeline import READY_WITHIN, Layer, Stage, run_pipeline
from virtpulse.runtime.waiting import first_of

if TYPE_CHECKING:
    from tests.conftest import FakeClock
    from tests.memory import MemoryTransport


class Acts:
    """What made-up stages do, and a record of it."""

    def __init__(self, clock: "FakeClock", transport: "MemoryTransport") -> None:
        self.clock = clock
        self.transport = transport
        self.record: list[str] = []

    def stage(self, layer: Layer, *, lasts: float = 0.0, error: Exception | None = None, ends: bool = False) -> Stage:
        """Return a stage that waits for its stop, or `ends` by itself; it takes `lasts` seconds more, then may fail."""
        counters = Counters(layer.value)

        async def run(stopping: asyncio.Event) -> None:
            self.record.append(f"{layer.value} starts")
            if not ends:
                await stopping.wait()
                self.record.append(f"{layer.value} is told")
            counters.pending = 7
            await self.clock.sleep(lasts)
            if error is not None:
                raise error
            counters.pending = 0
            self.record.append(f"{layer.value} ends")

        return Stage(layer.value, layer, counters, run)

    def stages(self) -> list[Stage]:
        """Return one of each layer."""
        return [self.stage(layer) for layer in Layer]

    async def run(self, stages: list[Stage], duration: float | None = None) -> None:
        """Run them with a deadline of 4 s; the signals' handlers must be as before in the end."""
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        try:
            await run_pipeline(stages, self.transport, self.clock, duration, 4.0)
        finally:
            assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.fixture
async def acts(memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock") -> AsyncIterator[Acts]:
    """Return made-up stages; in the end no task may be left, and the transport must be closed."""
    made = Acts(fake_clock, memory_transport(fake_clock))
    others = asyncio.all_tasks()
    yield made
    left = [task for task in asyncio.all_tasks() - others - {asyncio.current_task()} if not task.done()]
    assert left == []
    assert made.transport.closed == 1


async def test_stages_start_back_to_front_and_stop_front_to_back(acts: Acts) -> None:
    before = acts.clock.time()
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(acts.stages(), duration=20.0))
    assert acts.record == [
        "sink starts", "processor starts", "producer starts",
        "producer is told", "producer ends", "processor is told", "processor ends", "sink is told", "sink ends",
    ]  # fmt: skip
    assert acts.clock.time() == before + 20.0
    assert logs[-1] == {"event": "stopped cleanly", "reason": "the duration is over", "log_level": "info"}
    assert [entry["role"] for entry in logs if entry["event"] == "counts"] == ["producer", "processor", "sink"]


async def test_the_pipeline_ends_when_every_stage_is_done(acts: Acts) -> None:
    with capture_logs() as logs:
        await acts.clock.drive(acts.run([acts.stage(Layer.PROCESSOR, lasts=3.0, ends=True)]))
    assert logs[-1]["event"] == "stopped cleanly"
    assert logs[-1]["reason"] == "everything is done"


async def test_a_failed_stage_stops_the_others_in_order_and_is_raised(acts: Acts) -> None:
    stages = acts.stages()
    stages[1] = acts.stage(Layer.PROCESSOR, lasts=5.0, error=FatalError("the disk is full"), ends=True)
    with capture_logs() as logs, pytest.raises(FatalError, match="the disk is full"):
        await acts.clock.drive(acts.run(stages))
    assert acts.record[-4:] == ["producer is told", "producer ends", "sink is told", "sink ends"]
    assert logs[-1]["event"].startswith("stopped: processor failed: the disk is full")
    assert "7 messages will be processed again" in logs[-1]["event"]


async def test_a_fault_in_the_program_is_logged_with_its_place_and_raised_as_fatal(acts: Acts) -> None:
    fault = ZeroDivisionError("division by zero")
    with capture_logs() as logs, pytest.raises(FatalError, match="ZeroDivisionError") as raised:
        await acts.clock.drive(acts.run([acts.stage(Layer.PROCESSOR, error=fault, ends=True)]))
    assert raised.value.__cause__ is fault
    assert any(entry.get("exc_info") is fault for entry in logs)


async def test_a_closed_output_stops_quietly(acts: Acts) -> None:
    stages = acts.stages()
    stages[2] = acts.stage(Layer.SINK, error=OutputClosedError("closed"), ends=True)
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(stages))
    assert not [entry for entry in logs if entry["log_level"] == "error"]


async def test_what_does_not_stop_in_its_share_is_cancelled_and_the_last_line_says_so(acts: Acts) -> None:
    stages = acts.stages()
    stages[1] = acts.stage(Layer.PROCESSOR, lasts=1000.0)
    before = acts.clock.time()
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(stages, duration=1.0))
    assert acts.clock.time() - before <= 1.0 + 4.0
    assert acts.record[-2:] == ["sink is told", "sink ends"]
    event = "4 s deadline passed: processor cancelled; 7 messages will be processed again on the next start"
    assert logs[-1] == {"event": event, "reason": "the duration is over", "log_level": "warning"}


async def test_each_layer_has_its_own_share_of_the_deadline(acts: Acts) -> None:
    stages = [acts.stage(layer, lasts=1000.0) for layer in Layer]
    stages[2] = acts.stage(Layer.SINK, lasts=0.9)
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(stages, duration=1.0))
    assert acts.record[-1] == "sink ends"
    assert logs[-1]["event"].startswith("4 s deadline passed: producer, processor cancelled; 7 messages were not sent")


async def test_a_transport_that_is_away_at_the_stop_is_no_failure_but_is_told(acts: Acts) -> None:
    stages = acts.stages()
    stages[0] = acts.stage(Layer.PRODUCER, error=RetryableError("away"))
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(stages, duration=1.0))
    assert logs[-1]["event"] == "producer failed while stopping; 7 messages were not sent and are lost"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_stops_in_order_even_if_it_is_sent_twice_at_once(acts: Acts, number: signal.Signals) -> None:
    stages = acts.stages()
    stages[1] = acts.stage(Layer.PROCESSOR, lasts=0.9)
    with capture_logs() as logs:
        running = asyncio.create_task(acts.run(stages))
        await acts.clock.advance(10.0)
        os.kill(os.getpid(), number)
        await acts.clock.settle()
        os.kill(os.getpid(), number)
        await acts.clock.advance(1.0)
        await running
    assert acts.record[-1] == "sink ends"
    assert logs[-1] == {"event": "stopped cleanly", "reason": number.name, "log_level": "info"}


async def test_a_second_signal_stops_at_once(acts: Acts) -> None:
    stages = [acts.stage(layer, lasts=1000.0) for layer in Layer]
    with capture_logs() as logs:
        running = asyncio.create_task(acts.run(stages))
        await acts.clock.advance(10.0)
        os.kill(os.getpid(), signal.SIGTERM)
        await acts.clock.advance(0.6)
        os.kill(os.getpid(), signal.SIGTERM)
        await acts.clock.settle()
        assert running.done()
        await running
    assert logs[-1]["event"].startswith("stopped at once by a second signal: producer, processor, sink cancelled")


async def test_a_transport_that_does_not_answer_is_tried_until_a_signal_comes(acts: Acts) -> None:
    acts.transport.faults.extend([acts.transport.Fault.RETRYABLE] * 1000)
    running = asyncio.create_task(acts.run(acts.stages()))
    await acts.clock.advance(300.0)
    assert not running.done()
    os.kill(os.getpid(), signal.SIGTERM)
    await acts.clock.settle()
    await running
    assert acts.record == []


async def test_a_transport_that_cannot_start_is_fatal(acts: Acts) -> None:
    acts.transport.faults.append(acts.transport.Fault.FATAL)
    with pytest.raises(FatalError, match="the disk is broken"):
        await acts.run(acts.stages())


async def test_cancelling_the_pipeline_cancels_its_stages(acts: Acts) -> None:
    running = asyncio.create_task(acts.run(acts.stages()))
    await acts.clock.settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.slow
async def test_a_stage_that_ignores_being_cancelled_is_left_behind_and_named(acts: Acts) -> None:
    released = asyncio.Event()

    async def ignores(stopping: asyncio.Event) -> None:
        await stopping.wait()
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    stages = acts.stages()
    stages[1] = Stage("deaf", Layer.PROCESSOR, Counters("deaf"), ignores)
    try:
        with capture_logs() as logs:
            running = asyncio.create_task(acts.run(stages, duration=1.0))
            await acts.clock.advance(4.0)
            await asyncio.wait_for(running, 20)
    finally:
        released.set()
        await acts.clock.settle()
    assert acts.record[-2:] == ["sink is told", "sink ends"]
    assert logs[-1]["event"] == "4 s deadline passed: deaf cancelled; deaf did not end even then and was left behind"


async def test_the_duration_covers_a_transport_that_cannot_be_started(acts: Acts) -> None:
    acts.transport.faults.extend([acts.transport.Fault.RETRYABLE] * 1000)
    before = acts.clock.time()
    with capture_logs() as logs:
        await acts.clock.drive(acts.run(acts.stages(), duration=10.0))
    assert acts.clock.time() == before + 10.0
    assert acts.record == []
    assert any(entry["event"] == "stopped before the transport could be started" for entry in logs)


@pytest.mark.parametrize(("takes", "waits"), [(2.0, 2.0), (1000.0, READY_WITHIN)])
async def test_a_layer_starts_once_the_one_behind_it_is_ready_or_the_patience_is_over(
    acts: Acts, takes: float, waits: float
) -> None:
    ready, began, moments = asyncio.Event(), acts.clock.time(), []

    async def sink(stopping: asyncio.Event) -> None:
        await first_of(acts.clock.sleep(takes), stopping.wait())
        ready.set()
        await stopping.wait()

    async def producer(stopping: asyncio.Event) -> None:
        moments.append(acts.clock.time() - began)
        await stopping.wait()

    stages = [
        Stage("producer", Layer.PRODUCER, Counters("producer"), producer),
        Stage("sink", Layer.SINK, Counters("sink"), sink, ready),
    ]
    await acts.clock.drive(acts.run(stages, duration=20.0))
    assert moments == [waits]


async def test_a_stop_while_a_layer_gets_ready_starts_no_more_of_them(acts: Acts) -> None:
    stages = acts.stages()

    async def sink(stopping: asyncio.Event) -> None:
        await stopping.wait()

    stages[2] = Stage("sink", Layer.SINK, Counters("sink"), sink, asyncio.Event())
    await acts.clock.drive(acts.run(stages, duration=1.0))
    assert acts.record == []
