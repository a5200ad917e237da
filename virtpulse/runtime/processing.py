"""Running a processor: each message is counted once in the stored outputs, whatever fails on the way."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from virtpulse.errors import PartitionLostError
from virtpulse.logs import get_logger
from virtpulse.runtime.closing import closing, closing_generator
from virtpulse.runtime.context import Context
from virtpulse.runtime.owned import OwnedPartition
from virtpulse.runtime.reading import Reading
from virtpulse.runtime.roles import Output, Processor, ProcessorSpec
from virtpulse.runtime.skipped import note_skipped
from virtpulse.runtime.storing import store
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Assigned, Batch, Event, Revoked, Subscription

TICK_EVERY: Final = 0.25  # seconds
ACKNOWLEDGE_EVERY: Final = 1.0  # seconds; for messages that gave no output

Build = Callable[[int], Processor]

_log = get_logger(__name__)


async def process(spec: ProcessorSpec, build: Build, context: Context, until: Until) -> None:
    """Run a processor for each partition that this worker of the group `spec.name` owns, until it is stopped or drained.

    `build` makes the processor of a partition. Raises FatalError, RetryableError if it is stopped while something fails, and
    whatever a processor raises by a fault of its own; what was not stored by then is not acknowledged.
    """
    subscription = await context.retrying(partial(context.transport.subscribe, spec.name, spec.inputs))
    async with closing(subscription, f"subscription of {spec.name}"):
        await _Runner(context, spec, build, subscription).run(until)


class _Runner:
    def __init__(self, context: Context, spec: ProcessorSpec, build: Build, subscription: Subscription) -> None:
        self._context = context
        self._spec = spec
        self._build = build
        self._subscription = subscription
        self._reading = Reading(context, subscription, spec.inputs, spec.batch)
        self._owned: dict[int, OwnedPartition] = {}
        self._ticked = self._acknowledged = context.clock.monotonic()

    async def run(self, until: Until) -> None:
        await self._reading.begin(until)
        while True:
            try:
                event = await self._reading.next()
                if event is None:
                    await self._finish()
                    return
                await self._take(event)
                if until is Until.STOPPED:
                    await self._tick()
                await self._acknowledge()
            except PartitionLostError as lost:
                self._reading.forget(lost.partition)
                self._drop(lost.partition, str(lost))

    async def _take(self, event: Event) -> None:
        if isinstance(event, Assigned | Batch):
            note_skipped(event, self._context.counters)
        match event:
            case Assigned():
                await self._restore(event)
            case Revoked(partition):
                self._drop(partition, "another worker owns it now")
            case Batch(partition=number) if len(event) and number in self._owned:
                owned = self._owned[number]
                for output in owned.take(event):
                    await self._emit(owned, output)
                    await asyncio.sleep(0)  # a batch may be many steps of work, and others wait for the loop

    async def _restore(self, assigned: Assigned) -> None:
        number, counters = assigned.partition, self._context.counters
        self._drop(number, "it was assigned anew")
        processor = await self._context.retrying(partial(self._restored, number))
        self._owned[number] = OwnedPartition(assigned, processor, counters)
        _log.info("partition taken", role=counters.role, partition=number)

    async def _restored(self, number: int) -> Processor:
        processor = self._build(number)
        for topic in (*self._spec.states, *self._spec.reads):
            async with closing_generator(self._context.transport.latest(topic, number), f"latest of {topic}") as latest:
                async for batch in latest:
                    processor.restore(batch)
        return processor

    def _drop(self, number: int, reason: str) -> None:
        if self._owned.pop(number, None) is not None:
            self._count_pending()
            _log.warning("partition dropped", role=self._context.counters.role, partition=number, reason=reason)

    async def _tick(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._ticked < TICK_EVERY:
            return
        self._ticked = now
        for owned in list(self._owned.values()):
            if self._reading.at_end(owned.number):
                await self._emit(owned, owned.processor.tick())

    async def _acknowledge(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._acknowledged >= ACKNOWLEDGE_EVERY:
            self._acknowledged = now
            await self._acknowledge_all()

    async def _acknowledge_all(self) -> None:
        for owned in list(self._owned.values()):
            if owned.unacknowledged:
                await self._store(owned, Output())

    async def _finish(self) -> None:
        """Bring every partition to its end if the input was drained, and acknowledge what is done in any case."""
        for owned in list(self._owned.values()) if self._reading.drained else ():
            for output in owned.processor.drain():
                await self._emit(owned, output)
        await self._acknowledge_all()

    async def _emit(self, owned: OwnedPartition, output: Output) -> None:
        self._context.counters.refused += output.refused
        self._context.counters.late += output.late
        self._count_pending()
        if output.messages:
            await self._store(owned, output)

    async def _store(self, owned: OwnedPartition, output: Output) -> None:
        stored = await store(self._context, self._subscription, output.messages, owned.progress())
        self._context.counters.sent += stored
        owned.unacknowledged = 0
        self._count_pending()

    def _count_pending(self) -> None:
        self._context.counters.pending = sum(owned.unacknowledged for owned in self._owned.values())
