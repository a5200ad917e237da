"""Feeding sinks, against an in-memory transport: a partition must be lost at a chosen call."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from virtpulse.errors import FatalError, RefusedError, RetryableError
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.roles import SinkSpec
from virtpulse.runtime.sinking import feed
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Batch, Position

if TYPE_CHECKING:
    from tests.conftest import FakeClock
    from tests.memory import MemoryTransport

GROUPED = SinkSpec("files", ("aggregates",), "files", 4)
VIEWING = SinkSpec("console", ("aggregates",), None, 4)


class Scripted:
    """Keeps what is written; each write first takes an error from `script`."""

    def __init__(self, script: Sequence[Exception | None] = ()) -> None:
        self.script = list(script)
        self.written: list[bytes] = []
        self.started = self.closed = 0

    async def start(self) -> None:
        """Open."""
        self.started += 1

    async def write(self, batch: Batch) -> None:
        """Write, or fail."""
        error = self.script.pop(0) if self.script else None
        if error is None:
            self.written += batch.values
        elif isinstance(error, RefusedError):
            self.written += [value for index, value in enumerate(batch.values) if index not in error.reasons]
            raise error
        else:
            raise error

    async def close(self) -> None:
        """Close."""
        self.closed += 1


def numbered(start: int, stop: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, stop)]


async def drained(spec: SinkSpec, sink: Scripted, transport: "MemoryTransport", clock: "FakeClock") -> Counters:
    counters = Counters(spec.name)
    await clock.drive(feed(spec, sink, Context(transport, counters, asyncio.Event(), clock), Until.DRAINED))
    return counters


async def test_a_group_gets_everything_once_and_acknowledges_it(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted()
    transport.add("aggregates", *numbered(0, 10))
    counters = await drained(GROUPED, sink, transport, fake_clock)
    assert sink.written == numbered(0, 10)
    assert transport.committed["files"]["aggregates", 0] == Position(10, 10)
    assert (counters.received, counters.sent, counters.pending) == (10, 10, 0)
    assert (sink.started, sink.closed) == (1, 1)
    transport.add("aggregates", *numbered(10, 12))
    again = Scripted()
    await drained(GROUPED, again, transport, fake_clock)
    assert again.written == numbered(10, 12)


@pytest.mark.parametrize("kind", [GROUPED, VIEWING])
@pytest.mark.parametrize("left", [4, 0])
async def test_what_retention_took_meanwhile_is_counted_and_said_once(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock", kind: SinkSpec, left: int
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted()
    transport.add("aggregates", *numbered(0, 10))
    transport.log.trim(("aggregates", 0), 10 - left)
    with capture_logs() as lines:
        counters = await drained(kind, sink, transport, fake_clock)
    assert sink.written == numbered(10 - left, 10)
    assert counters.skipped == 10 - left
    assert [line["messages"] for line in lines if "retention took" in line["event"]] == [10 - left]


async def test_a_batch_whose_write_fails_is_written_again(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted([RetryableError("disk busy")] * 5)
    transport.add("aggregates", *numbered(0, 3))
    counters = await drained(GROUPED, sink, transport, fake_clock)
    assert sink.written == numbered(0, 3)
    assert counters.retried == 5


async def test_refused_messages_become_dead_letters_and_the_rest_is_acknowledged(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted([RefusedError({1: "too large"})])
    transport.add("aggregates", *numbered(0, 3))
    counters = await drained(GROUPED, sink, transport, fake_clock)
    (letter,) = transport.stored("deadletters")
    assert b'"position":1' in letter
    assert b'"reason":"too large"' in letter
    assert transport.committed["files"]["aggregates", 0] == Position(3, 3)
    assert (counters.sent, counters.refused) == (2, 1)


async def test_a_refused_dead_letter_makes_no_other(memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock") -> None:
    transport, sink = memory_transport(fake_clock), Scripted([RefusedError({0: "too large"})])
    transport.add("deadletters", b"{}")
    await drained(SinkSpec("files", ("deadletters",), "files"), sink, transport, fake_clock)
    assert transport.stored("deadletters") == [b"{}"]


async def test_a_fatal_error_ends_the_role_with_the_sink_closed_and_nothing_acknowledged(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted([FatalError("disk full")])
    transport.add("aggregates", b"0")
    with pytest.raises(FatalError, match="disk full"):
        await drained(GROUPED, sink, transport, fake_clock)
    assert sink.closed == 1
    assert transport.committed["files"] == {}


async def test_a_lost_partition_is_read_again_from_what_was_acknowledged(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    fault = memory_transport.Fault
    transport, sink = memory_transport(fake_clock, faults=[fault.NONE] * 2 + [fault.LOST]), Scripted()
    transport.add("aggregates", *numbered(0, 6))
    await drained(GROUPED, sink, transport, fake_clock)
    assert sink.written == numbered(0, 4) + numbered(0, 6)  # at least once, as a sink is


async def test_without_a_group_a_drain_shows_all_that_is_there(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink = memory_transport(fake_clock), Scripted()
    await drained(VIEWING, sink, transport, fake_clock)
    assert sink.written == []
    transport.add("aggregates", *numbered(0, 10))
    await drained(VIEWING, sink, transport, fake_clock)
    assert sink.written == numbered(0, 10)
    assert transport.committed["files"] == {}


@pytest.mark.parametrize("spec", [GROUPED, VIEWING])
async def test_a_stopped_sink_writes_what_is_there_and_ends(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock", spec: SinkSpec
) -> None:
    transport, sink, counters = memory_transport(fake_clock), Scripted(), Counters("sink")
    stopping = asyncio.Event()
    running = asyncio.create_task(feed(spec, sink, Context(transport, counters, stopping, fake_clock), Until.STOPPED))
    await fake_clock.advance(1.0)
    transport.add("aggregates", *numbered(0, 20))
    stopping.set()
    await fake_clock.advance(0.5)
    assert running.done()
    await running
    assert sink.written == numbered(0, 20)


async def test_without_a_group_only_what_is_new_is_shown(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock"
) -> None:
    transport, sink, stopping = memory_transport(fake_clock), Scripted(), asyncio.Event()
    transport.add("aggregates", b"old")
    running = asyncio.create_task(feed(VIEWING, sink, Context(transport, Counters("s"), stopping, fake_clock), Until.STOPPED))
    await fake_clock.advance(1.0)
    transport.add("aggregates", b"new")
    await fake_clock.advance(1.0)
    stopping.set()
    await fake_clock.advance(1.0)
    await running
    assert sink.written == [b"new"]


@pytest.mark.parametrize("spec", [GROUPED, VIEWING])
async def test_a_sink_is_ready_once_it_reads(
    memory_transport: "type[MemoryTransport]", fake_clock: "FakeClock", spec: SinkSpec
) -> None:
    transport, sink, stopping, ready = memory_transport(fake_clock), Scripted(), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(feed(spec, sink, Context(transport, Counters("s"), stopping, fake_clock), Until.STOPPED, ready))
    await ready.wait()
    transport.add("aggregates", b"first")
    stopping.set()
    await fake_clock.advance(2.0)
    await running
    assert sink.written == [b"first"]
