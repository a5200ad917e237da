"""Compacted topics that roles read besides their inputs: all that stands first, then what is new; and bots that answer."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

import pytest

from tests.conftest import FakeClock
from tests.memory import MemoryTransport
from virtpulse.errors import FatalError, RetryableError
from virtpulse.runtime.context import Context
from virtpulse.runtime.conversing import converse
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.processing import process
from virtpulse.runtime.roles import Output, ProcessorSpec, SinkSpec
from virtpulse.runtime.sinking import feed
from virtpulse.runtime.until import Until
from virtpulse.topics import AGGREGATES, ALERT_STATES, SAMPLES, SILENCES, SOURCES
from virtpulse.transports.interface import Batch, Outgoing

SPEC = SinkSpec("console", (AGGREGATES,), None, 2, states=(ALERT_STATES, SILENCES))


class Keeping:
    """A sink and a bot that keeps what it is given, and says what the test has it say."""

    def __init__(self, answers: Sequence[Outgoing | Exception] = ()) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.answers = list(answers)
        self.opened = self.closed = 0

    async def start(self) -> None:
        """Open."""
        self.opened += 1

    async def write(self, batch: Batch) -> None:
        """Keep."""
        self.seen += [(message.topic, message.key, message.value) for message in batch]

    async def outgoing(self) -> AsyncGenerator[Sequence[Outgoing], None]:
        """Say what is to be said, then nothing for ever."""
        while self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            yield [answer]
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Close."""
        self.closed += 1


def put(transport: MemoryTransport, topic: str, key: str, value: bytes) -> None:
    transport.append([Outgoing(topic, key, value, 0)])


def context(transport: MemoryTransport, clock: FakeClock) -> Context:
    return Context(transport, Counters("console"), asyncio.Event(), clock)


@pytest.fixture
def transport(memory_transport: type[MemoryTransport], fake_clock: FakeClock) -> MemoryTransport:
    return memory_transport(fake_clock)


async def test_a_sink_sees_what_stands_and_then_what_is_new_without_a_gap_and_nothing_twice(
    transport: MemoryTransport, fake_clock: FakeClock
) -> None:
    for number in range(5):
        put(transport, ALERT_STATES, f"k{number}", b"old")
    put(transport, ALERT_STATES, "k1", b"new")
    put(transport, ALERT_STATES, "k2", b"")
    put(transport, SILENCES, "s1", b"silence")
    put(transport, AGGREGATES, "host", b"missed")
    sink, running = Keeping(), context(transport, fake_clock)
    task = asyncio.create_task(feed(SPEC, sink, running, Until.STOPPED))
    await fake_clock.advance(1.0)
    stood = [(key, value) for _, key, value in sink.seen]
    assert sorted(stood) == [("k0", b"old"), ("k1", b"new"), ("k3", b"old"), ("k4", b"old"), ("s1", b"silence")]
    put(transport, ALERT_STATES, "k3", b"")
    put(transport, AGGREGATES, "host", b"seen")
    await fake_clock.advance(1.0)
    assert sorted(sink.seen[5:]) == [(AGGREGATES, "host", b"seen"), (ALERT_STATES, "k3", b"")]
    running.stopping.set()
    await fake_clock.advance(1.0)
    await task


async def test_what_changes_while_it_is_read_is_seen_too(transport: MemoryTransport, fake_clock: FakeClock) -> None:
    put(transport, ALERT_STATES, "k1", b"old")

    class Slow(Keeping):
        async def write(self, batch: Batch) -> None:
            await super().write(batch)
            if len(self.seen) == 1:
                put(transport, ALERT_STATES, "k1", b"")
                put(transport, ALERT_STATES, "k2", b"new")

    sink, running = Slow(), context(transport, fake_clock)
    task = asyncio.create_task(feed(SPEC, sink, running, Until.STOPPED))
    await fake_clock.advance(1.0)
    assert [(key, value) for _, key, value in sink.seen] == [("k1", b"old"), ("k1", b""), ("k2", b"new")]
    running.stopping.set()
    await fake_clock.advance(1.0)
    await task


async def test_a_drain_shows_what_stands_and_all_that_the_inputs_hold(transport: MemoryTransport, fake_clock: FakeClock) -> None:
    put(transport, ALERT_STATES, "k1", b"old")
    put(transport, ALERT_STATES, "k1", b"new")
    put(transport, AGGREGATES, "host", b"1")
    sink = Keeping()
    await fake_clock.drive(feed(SPEC, sink, context(transport, fake_clock), Until.DRAINED))
    assert sink.seen == [(ALERT_STATES, "k1", b"new"), (AGGREGATES, "host", b"1")]


async def test_reading_what_stands_is_tried_again(transport: MemoryTransport, fake_clock: FakeClock) -> None:
    put(transport, ALERT_STATES, "k1", b"state")
    transport.faults.extend([MemoryTransport.Fault.RETRYABLE] * 3)
    sink, running = Keeping(), context(transport, fake_clock)
    await fake_clock.drive(feed(SPEC, sink, running, Until.DRAINED))
    assert sink.seen == [(ALERT_STATES, "k1", b"state")]
    assert running.counters.retried == 3


async def test_a_bot_is_given_what_a_sink_is_and_what_it_says_is_published_with_retry(
    transport: MemoryTransport, fake_clock: FakeClock
) -> None:
    put(transport, SILENCES, "s1", b"silence")
    answers: list[Outgoing | Exception] = [
        Outgoing(SILENCES, "s2", b"one", 0),
        RetryableError("the room is away"),
        Outgoing(SILENCES, "s3", b"two", 0),
    ]
    bot, running = Keeping(answers), context(transport, fake_clock)
    task = asyncio.create_task(converse(SPEC, bot, running, Until.STOPPED))
    await fake_clock.advance(60.0)
    assert transport.stored(SILENCES) == [b"silence", b"one", b"two"]
    assert [value for _, _, value in bot.seen] == [b"silence", b"one", b"two"]
    bot.answers.append(Outgoing(SILENCES, "s4", b"late", 0))
    running.stopping.set()
    await fake_clock.advance(2.0)
    await task
    assert (bot.opened, bot.closed) == (1, 1)


async def test_a_bot_that_drains_ends_with_its_inputs_and_a_fatal_error_ends_it_at_once(
    transport: MemoryTransport, fake_clock: FakeClock
) -> None:
    put(transport, AGGREGATES, "host", b"1")
    bot = Keeping()
    await fake_clock.drive(converse(SPEC, bot, context(transport, fake_clock), Until.DRAINED))
    assert bot.seen == [(AGGREGATES, "host", b"1")]
    bot = Keeping([FatalError("wrong password")])
    with pytest.raises(FatalError, match="wrong password"):
        await fake_clock.drive(converse(SPEC, bot, context(transport, fake_clock), Until.STOPPED))
    assert bot.closed == 1


class Restoring:
    """A processor that keeps what it restores."""

    def __init__(self) -> None:
        self.restored: list[tuple[str, bytes]] = []

    def restore(self, batch: Batch) -> None:
        """Keep."""
        self.restored += [(batch.topic, value) for value in batch.values]

    def replay(self, batch: Batch) -> None:
        """Need nothing."""

    def process(self, batch: Batch) -> Output:
        """Do nothing."""
        return Output(taken=len(batch))

    def tick(self) -> Output:
        """Do nothing."""
        return Output()

    def drain(self) -> Iterable[Output]:
        """Hold nothing."""
        return ()

    def first_needed(self) -> Mapping[str, int]:
        """Hold nothing."""
        return {}


async def test_a_processor_restores_its_states_and_what_it_reads_of_others(
    transport: MemoryTransport, fake_clock: FakeClock
) -> None:
    put(transport, SOURCES, "host", b"source")
    put(transport, ALERT_STATES, "k1", b"state")
    put(transport, SAMPLES, "host", b"sample")
    processor = Restoring()
    spec = ProcessorSpec("alerts", (SAMPLES,), (ALERT_STATES,), 5, reads=(SOURCES,))
    await fake_clock.drive(process(spec, lambda _: processor, context(transport, fake_clock), Until.DRAINED))
    assert processor.restored == [(ALERT_STATES, b"state"), (SOURCES, b"source")]
