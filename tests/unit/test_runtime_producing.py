"""Running producers, against an in-memory transport that is away on cue."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from virtpulse.errors import FatalError, RetryableError
from virtpulse.messages.sample import Sample
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.outbox import BATCH, Outbox
from virtpulse.runtime.producing import produce
from virtpulse.transports.interface import Outgoing

if TYPE_CHECKING:
    from tests.conftest import FakeClock
    from tests.memory import MemoryTransport


class Ticking:
    """Yields a sample each second until `script` says that it ends (None) or fails."""

    def __init__(self, clock: "FakeClock", script: Sequence[Exception | None] = ()) -> None:
        self.clock = clock
        self.script = list(script)
        self.closed = 0
        self.count = 0

    async def samples(self) -> AsyncGenerator[Sequence[Sample], None]:
        """Yield samples."""
        try:
            while True:
                self.count += 1
                yield [Sample(source="host", time=float(self.count))]
                await self.clock.sleep(1.0)
                if self.script:
                    error = self.script.pop(0)
                    if error is None:
                        return
                    raise error
        finally:
            self.closed += 1


async def test_samples_are_published_and_the_producer_is_closed_at_the_stop(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, producer, counters = memory_transport(fake_clock), Ticking(fake_clock), Counters("host")
    stopping = asyncio.Event()
    running = asyncio.create_task(produce(producer, Context(transport, counters, stopping, fake_clock)))
    await fake_clock.advance(9.5)
    assert len(transport.stored("samples")) == 10
    stopping.set()
    await fake_clock.settle()
    await running
    assert producer.closed == 1
    assert (counters.received, counters.sent, counters.pending) == (10, 10, 0)


async def test_a_producer_that_ends_by_itself_ends_the_role_with_everything_published(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, counters = memory_transport(fake_clock), Counters("host")
    await fake_clock.drive(produce(Ticking(fake_clock, [None]), Context(transport, counters, asyncio.Event(), fake_clock)))
    assert counters.sent == 1


async def test_a_producer_that_raises_is_started_again_ever_more_slowly(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    script = [RuntimeError("a fault"), RetryableError("away")] * 10
    transport, producer, counters = memory_transport(fake_clock), Ticking(fake_clock, [*script, None]), Counters("host")
    await fake_clock.drive(produce(producer, Context(transport, counters, asyncio.Event(), fake_clock)))
    assert counters.retried == 20
    assert counters.sent == 21
    assert producer.closed == 21


async def test_a_producer_whose_other_side_asks_for_a_pause_gets_it(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, begun = memory_transport(fake_clock), fake_clock.time()
    producer = Ticking(fake_clock, [RetryableError("asked too often", after=200.0), None])
    await fake_clock.drive(produce(producer, Context(transport, Counters("host"), asyncio.Event(), fake_clock)))
    assert 200 <= fake_clock.time() - begun < 210


async def test_a_fatal_error_ends_the_role_after_what_is_buffered_was_published(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, counters = memory_transport(fake_clock), Counters("host")
    producer = Ticking(fake_clock, [FatalError("no such machine")])
    with pytest.raises(FatalError, match="no such machine"):
        await fake_clock.drive(produce(producer, Context(transport, counters, asyncio.Event(), fake_clock)))
    assert counters.sent == 1


async def test_while_the_transport_is_away_samples_are_buffered_and_then_sent_in_order(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    away = [memory_transport.Fault.RETRYABLE] * 12
    transport, counters = memory_transport(fake_clock, faults=away), Counters("host")
    stopping = asyncio.Event()
    running = asyncio.create_task(produce(Ticking(fake_clock), Context(transport, counters, stopping, fake_clock)))
    await fake_clock.advance(400.0)
    stopping.set()
    await fake_clock.settle()
    await running
    values = transport.stored("samples")
    assert values == sorted(values, key=lambda value: float(value.split(b'"time":')[1].rstrip(b"}")))
    assert len(values) == counters.received == counters.sent
    assert counters.dropped == 0


async def test_what_is_buffered_at_the_stop_gets_a_last_try_and_else_is_told_as_pending(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    away = [memory_transport.Fault.RETRYABLE] * 1000
    transport, counters = memory_transport(fake_clock, faults=away), Counters("host")
    stopping = asyncio.Event()
    running = asyncio.create_task(produce(Ticking(fake_clock), Context(transport, counters, stopping, fake_clock)))
    await fake_clock.advance(9.5)
    left = len(transport.faults)
    stopping.set()
    await fake_clock.settle()
    with pytest.raises(RetryableError):
        await running
    assert len(transport.faults) == left - 1
    assert counters.pending == 10


async def test_refused_samples_become_dead_letters(memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock") -> None:
    transport, counters = memory_transport(fake_clock), Counters("host")
    transport.refuse = lambda message: message.topic == "samples" and b'"time":2.0' in message.value
    producer = Ticking(fake_clock, [RetryableError("x"), RetryableError("x"), None])
    await fake_clock.drive(produce(producer, Context(transport, counters, asyncio.Event(), fake_clock)))
    assert len(transport.stored("samples")) == 2
    assert len(transport.stored("deadletters")) == 1
    assert (counters.sent, counters.refused, counters.pending) == (2, 1, 0)


def message(number: int) -> Outgoing:
    return Outgoing("samples", "host", b"%d" % number)


async def test_a_full_outbox_drops_the_oldest_while_the_transport_is_away() -> None:
    counters = Counters("host")
    outbox = Outbox(counters, max_messages=5)
    outbox.away()
    for number in range(12):
        await outbox.put([message(number)])
    assert await outbox.take() == [message(number) for number in range(7, 12)]
    assert (counters.dropped, counters.pending) == (7, 5)


async def test_a_full_outbox_holds_the_producer_back_while_the_transport_works() -> None:
    outbox = Outbox(Counters("host"), max_bytes=3)
    await outbox.put([message(number) for number in range(4)])
    waiting = asyncio.create_task(outbox.put([message(4)]))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(await outbox.take()) == 4
    await waiting
    outbox.close()
    assert await outbox.take() == [message(4)]
    assert await outbox.take() == []


async def test_an_outbox_gives_at_most_a_batch_at_a_time() -> None:
    outbox = Outbox(Counters("host"))
    await outbox.put([message(number) for number in range(BATCH + 1)])
    assert [len(await outbox.take()), len(await outbox.take())] == [BATCH, 1]


@pytest.mark.slow
async def test_a_producer_that_cleans_up_for_too_long_is_left_behind_without_a_fault(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, released, stopping = memory_transport(fake_clock), asyncio.Event(), asyncio.Event()

    class Slow:
        async def samples(self) -> AsyncGenerator[Sequence[Sample], None]:
            try:
                yield [Sample(source="host", time=1.0)]
                await asyncio.Event().wait()
            finally:
                await released.wait()

    running = asyncio.create_task(produce(Slow(), Context(transport, Counters("host"), stopping, fake_clock)))
    await fake_clock.settle()
    stopping.set()
    await asyncio.wait_for(running, 10)
    released.set()
    await fake_clock.settle()
    assert len(transport.stored("samples")) == 1


async def test_the_first_drop_of_each_outage_is_logged() -> None:
    message, counters = Outgoing("samples", "host", b"v"), Counters("host")
    outbox = Outbox(counters, max_messages=2)
    with capture_logs() as logs:
        for _ in range(2):
            outbox.away()
            for _ in range(5):
                await outbox.put([message])
            outbox.done(await outbox.take())
    assert len(logs) == 2
    assert counters.dropped == 6
