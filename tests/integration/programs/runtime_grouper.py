"""Join samples by sevens to aggregates as the group `groupers`, until the log is drained or somebody kills the process."""

import asyncio
import sys
from collections.abc import Iterable, Mapping

from virtpulse.clock import SystemClock
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.pipeline import Layer, Stage, run_pipeline
from virtpulse.runtime.processing import process
from virtpulse.runtime.roles import Output, ProcessorSpec
from virtpulse.runtime.until import Until
from virtpulse.topics import AGGREGATES, SAMPLES, SOURCES
from virtpulse.transports.interface import Batch, Message, Outgoing
from virtpulse.transports.open import open_transport

SIZE = 7
SPEC = ProcessorSpec("groupers", (SAMPLES,), (SOURCES,), 5)


class Grouper:
    """Keeps the messages of the open group, which are in the log from `first_needed` on."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._open: list[Message] = []

    def restore(self, batch: Batch) -> None:
        """Need nothing."""

    def replay(self, batch: Batch) -> None:
        """Open the group again."""
        self._add(batch)

    def process(self, batch: Batch) -> Output:
        """Tell the test, and emit what is full."""
        sys.stdout.write(f"{batch.positions[0]}\n")
        sys.stdout.flush()
        return Output(self._add(batch))

    def tick(self) -> Output:
        """Do nothing."""
        return Output()

    def drain(self) -> Iterable[Output]:
        """Emit what is open."""
        if self._open:
            yield Output([self._close()])

    def first_needed(self) -> Mapping[str, int]:
        """Return the position of the first message of the open group."""
        return {SAMPLES: self._open[0].position} if self._open else {}

    def _add(self, batch: Batch) -> list[Outgoing]:
        full = []
        for message in batch:
            self._open.append(message)
            if len(self._open) == SIZE:
                full.append(self._close())
        return full

    def _close(self) -> Outgoing:
        joined = b" ".join(message.value for message in self._open)
        self._open = []
        return Outgoing(AGGREGATES, "host", joined, self._partition)


async def main(address: str) -> None:
    """Drain the log."""
    clock = SystemClock()
    transport = open_transport(address, SystemClock())
    counters = Counters(SPEC.name)

    async def run(stopping: asyncio.Event) -> None:
        await process(SPEC, Grouper, Context(transport, counters, stopping, clock), Until.DRAINED)

    await run_pipeline([Stage(SPEC.name, Layer.PROCESSOR, counters, run)], transport, clock, None, 5.0)


asyncio.run(main(*sys.argv[1:]))
