"""The runtime over the embedded log, with real processes, files, clocks and signals."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from virtpulse.clock import SystemClock
from virtpulse.messages.sample import Sample
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.pipeline import Layer, Stage, run_pipeline
from virtpulse.runtime.processing import process
from virtpulse.runtime.producing import produce
from virtpulse.runtime.roles import Output, ProcessorSpec, SinkSpec
from virtpulse.runtime.sinking import feed
from virtpulse.runtime.until import Until
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Batch, Outgoing, Start
from virtpulse.transports.open import open_transport

PROGRAM = Path(__file__).parent / "programs" / "runtime_grouper.py"
COUNT = 500


def grouper(address: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(PROGRAM), address], stdout=subprocess.PIPE, text=True, bufsize=1)


@pytest.mark.slow
async def test_a_worker_killed_again_and_again_counts_every_message_once(tmp_path: Path) -> None:
    address = f"local:{tmp_path}/log.db"
    transport = open_transport(address, SystemClock())
    await transport.start()
    expected = [b"%d" % number for number in range(COUNT)]
    await transport.publish([Outgoing(SAMPLES, "host", value) for value in expected])
    moments = random.Random(3)
    for _ in range(8):
        with grouper(address) as worker:
            assert worker.stdout is not None
            for _ in range(moments.randint(1, 12)):
                await asyncio.to_thread(worker.stdout.readline)
            await asyncio.sleep(moments.uniform(0.0, 0.004))
            worker.kill()
    with grouper(address) as worker:
        await asyncio.to_thread(worker.communicate)
        assert worker.returncode == 0
    follower = await transport.follow([AGGREGATES], Start.BEGINNING)
    counted: list[bytes] = []
    while (batch := await follower.read(1000, 0.0)) is not None:
        counted += [value for group in batch.values for value in group.split()]
    await transport.close()
    assert counted == expected


class Numbered:
    """Yields numbered samples, quickly, for ever."""

    async def samples(self) -> AsyncGenerator[Sequence[Sample], None]:
        """Yield samples."""
        number = 0
        while True:
            number += 1
            yield [Sample(source="host/guest", time=float(number))]
            await asyncio.sleep(0.002)


class Copying:
    """Copies samples to aggregates."""

    def __init__(self, partition: int) -> None:
        self._partition = partition

    def restore(self, batch: Batch) -> None:
        """Need nothing."""

    def replay(self, batch: Batch) -> None:
        """Need nothing."""

    def process(self, batch: Batch) -> Output:
        """Copy."""
        return Output([Outgoing(AGGREGATES, message.key, message.value, self._partition) for message in batch])

    def tick(self) -> Output:
        """Do nothing."""
        return Output()

    def drain(self) -> Iterable[Output]:
        """Hold nothing."""
        return ()

    def first_needed(self) -> Mapping[str, int]:
        """Hold nothing."""
        return {}


class Keeping:
    """Keeps what is written and raises SIGTERM in this process once there are a hundred."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def start(self) -> None:
        """Open."""

    async def write(self, batch: Batch) -> None:
        """Keep."""
        before = len(self.values)
        self.values += batch.values
        if before < 100 <= len(self.values):
            os.kill(os.getpid(), signal.SIGTERM)

    async def close(self) -> None:
        """Close."""


async def test_a_signal_lets_everything_through_that_was_sampled_before_it(tmp_path: Path) -> None:
    clock, sink = SystemClock(), Keeping()
    transport = open_transport(f"local:{tmp_path}/log.db", clock)
    counters = {layer: Counters(layer.value) for layer in Layer}

    async def sample(stopping: asyncio.Event) -> None:
        await produce(Numbered(), Context(transport, counters[Layer.PRODUCER], stopping, clock))

    async def copy(stopping: asyncio.Event) -> None:
        spec = ProcessorSpec("copy", (SAMPLES,), (), 50)
        await process(spec, Copying, Context(transport, counters[Layer.PROCESSOR], stopping, clock), Until.STOPPED)

    async def keep(stopping: asyncio.Event) -> None:
        spec = SinkSpec("keep", (AGGREGATES,), "keepers")
        await feed(spec, sink, Context(transport, counters[Layer.SINK], stopping, clock), Until.STOPPED)

    runs = {Layer.PRODUCER: sample, Layer.PROCESSOR: copy, Layer.SINK: keep}
    stages = [Stage(layer.value, layer, counters[layer], run) for layer, run in runs.items()]
    await asyncio.wait_for(run_pipeline(stages, transport, clock, None, 10.0), 30)
    sent = counters[Layer.PRODUCER].sent
    assert sent >= 100
    assert len(sink.values) == sent
    assert [counted.summary()["pending"] for counted in counters.values()] == [0, 0, 0]


async def test_a_second_worker_that_drains_waits_for_the_first_one_to_leave(tmp_path: Path) -> None:
    address, clock = f"local:{tmp_path}/log.db", SystemClock()
    first, second = open_transport(address, SystemClock()), open_transport(address, SystemClock())
    await first.start()
    await second.start()
    await first.publish([Outgoing(SAMPLES, "host", b"%d" % number) for number in range(10)])
    spec = ProcessorSpec("copy", (SAMPLES,), (), 50)
    stopping = asyncio.Event()
    owner = asyncio.create_task(process(spec, Copying, Context(first, Counters("one"), stopping, clock), Until.STOPPED))
    while not (await first.positions("copy")):  # noqa: ASYNC110 the log tells it, no event does
        await asyncio.sleep(0.01)
    drain = asyncio.create_task(process(spec, Copying, Context(second, Counters("two"), asyncio.Event(), clock), Until.DRAINED))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(drain), 0.3)
    stopping.set()
    await owner
    await asyncio.wait_for(drain, 10)
    assert await first.ends(AGGREGATES) == {0: 10}
    await second.close()
    await first.close()
