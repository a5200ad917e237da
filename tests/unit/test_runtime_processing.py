"""The exactly-once runner, against an in-memory transport: losses and failures must come at a chosen call."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from virtpulse.errors import FatalError, RetryableError
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.processing import process
from virtpulse.runtime.roles import Output, Processor, ProcessorSpec
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Outgoing, Position

if TYPE_CHECKING:
    from tests.conftest import FakeClock
    from tests.memory import MemoryTransport
    from tests.unit.conftest import Grouping

SPEC = ProcessorSpec("grouping", ("samples",), ("sources",), 4)


class Role:
    """A processor's runner with what it is run with."""

    def __init__(self, transport: "MemoryTransport", clock: "FakeClock", build: Callable[[int], Processor]) -> None:
        self.transport = transport
        self.clock = clock
        self.build = build
        self.counters = Counters("grouping")
        self.stopping = asyncio.Event()

    async def run(self, until: Until, spec: ProcessorSpec = SPEC) -> None:
        """Run it."""
        await process(spec, self.build, Context(self.transport, self.counters, self.stopping, self.clock), until)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def counted(transport: "MemoryTransport") -> list[bytes]:
    return [value for group in transport.stored("aggregates") for value in group.split()]


async def test_a_drain_processes_all_and_commits_the_end(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", *numbered(10))
    role = Role(transport, fake_clock, grouping)
    await fake_clock.drive(role.run(Until.DRAINED))
    assert counted(transport) == numbered(10)
    assert transport.committed["grouping"]["samples", 0] == Position(10, 10)
    assert (role.counters.received, role.counters.sent, role.counters.pending, role.counters.lag) == (10, 4, 0, 0)


async def test_a_drain_of_an_empty_topic_returns_at_once(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    before = fake_clock.time()
    await asyncio.wait_for(Role(memory_transport(fake_clock), fake_clock, grouping).run(Until.DRAINED), 5)
    assert fake_clock.time() == before


async def test_a_drain_leaves_what_came_after_its_start(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", *numbered(5))

    def build(partition: int) -> Processor:
        transport.add("samples", b"later")
        return grouping(partition)

    await fake_clock.drive(Role(transport, fake_clock, build).run(Until.DRAINED))
    assert counted(transport) == numbered(5)
    assert transport.committed["grouping"]["samples", 0] == Position(5, 5)


async def test_state_is_restored_and_what_was_processed_is_only_replayed(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("sources", b"state")
    transport.add("samples", *numbered(8))
    transport.committed["grouping"]["samples", 0] = Position(3, 5)
    built: list[Grouping] = []

    def build(partition: int) -> Processor:
        built.append(grouping(partition))
        return built[-1]

    role = Role(transport, fake_clock, build)
    await fake_clock.drive(role.run(Until.DRAINED))
    assert built[0].restored == [b"state"]
    assert transport.stored("aggregates") == [b"3 4 5", b"6 7"]
    assert (role.counters.replayed, role.counters.received) == (2, 3)


async def test_a_failed_transfer_is_made_again_with_the_same_outputs(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    fault = memory_transport.Fault
    faults = [fault.NONE] * 3 + [fault.RETRYABLE] * 20
    transport = memory_transport(fake_clock, faults=faults)
    transport.add("samples", *numbered(4))
    role = Role(transport, fake_clock, grouping)
    await fake_clock.drive(role.run(Until.DRAINED))
    assert transport.stored("aggregates") == [b"0 1 2", b"3"]
    assert role.counters.retried == 20


async def test_a_lost_partition_is_dropped_and_taken_up_again(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    fault = memory_transport.Fault
    transport = memory_transport(fake_clock, faults=[fault.NONE] * 3 + [fault.LOST])
    transport.add("samples", *numbered(7))
    role = Role(transport, fake_clock, grouping)
    await fake_clock.drive(role.run(Until.DRAINED))
    assert counted(transport) == numbered(7)
    assert role.counters.received > 7  # the lost batch was processed twice, and stored once


async def test_a_refused_output_becomes_a_dead_letter_and_the_rest_is_stored_once(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.refuse = lambda message: message.value == b"3 4 5"
    transport.add("samples", *numbered(9))
    role = Role(transport, fake_clock, grouping)
    await fake_clock.drive(role.run(Until.DRAINED))
    assert transport.stored("aggregates") == [b"0 1 2", b"6 7 8"]
    (letter,) = transport.stored("deadletters")
    assert b'"reason":"too large"' in letter
    assert b'"message":"3 4 5"' in letter
    assert (role.counters.refused, role.counters.sent) == (1, 2)


async def test_a_crash_after_a_refusal_loses_neither_the_outputs_nor_the_dead_letter(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)

    def refuse(message: Outgoing) -> bool:
        transport.faults.append(memory_transport.Fault.FATAL)  # for the next call
        return message.value == b"3 4 5"

    transport.refuse = refuse
    transport.add("samples", *numbered(6))
    both = ProcessorSpec("grouping", ("samples",), ("sources",), 6)
    with pytest.raises(FatalError):
        await fake_clock.drive(Role(transport, fake_clock, grouping).run(Until.DRAINED, both))
    assert transport.committed["grouping"] == {}
    transport.faults.clear()
    transport.refuse = lambda message: message.value == b"3 4 5"
    await fake_clock.drive(Role(transport, fake_clock, grouping).run(Until.DRAINED, both))
    assert transport.stored("aggregates") == [b"0 1 2"]
    assert len(transport.stored("deadletters")) == 1


async def test_dead_letters_that_are_refused_too_are_lost_and_the_work_goes_on(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.refuse = lambda message: message.topic == "deadletters" or message.value == b"3 4 5"
    transport.add("samples", *numbered(9))
    role = Role(transport, fake_clock, grouping)
    with capture_logs() as lines:
        await fake_clock.drive(role.run(Until.DRAINED))
    assert transport.stored("aggregates") == [b"0 1 2", b"6 7 8"]
    assert transport.stored("deadletters") == []
    assert transport.committed["grouping"]["samples", 0] == Position(9, 9)
    assert (role.counters.refused, role.counters.sent) == (2, 2)
    assert sum("a dead letter was refused and is lost" in line["event"] for line in lines) == 1


@pytest.mark.parametrize("left", [4, 0])
async def test_what_retention_took_meanwhile_is_counted_and_said_once(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock", left: int
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", *numbered(10))
    transport.log.trim(("samples", 0), 10 - left)
    role = Role(transport, fake_clock, grouping)
    with capture_logs() as lines:
        await fake_clock.drive(role.run(Until.DRAINED))
    assert counted(transport) == numbered(10)[10 - left :]
    assert role.counters.skipped == 10 - left
    assert [line["messages"] for line in lines if "retention took" in line["event"]] == [10 - left]


async def test_a_fault_in_a_processor_ends_the_role_and_acknowledges_nothing(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", b"x")

    def build(partition: int) -> Processor:
        processor = grouping(partition)
        processor.process = lambda _batch: Output(messages=[1 // 0])  # type: ignore[assignment, list-item]  # a bug
        return processor

    with pytest.raises(ZeroDivisionError):
        await fake_clock.drive(Role(transport, fake_clock, build).run(Until.DRAINED))
    assert transport.committed["grouping"] == {}


async def test_messages_without_output_are_acknowledged_within_about_a_second_and_at_the_stop(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", b"0")
    role = Role(transport, fake_clock, grouping)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(0.5)
    assert (transport.committed["grouping"], role.counters.pending) == ({}, 1)
    await fake_clock.advance(1.0)
    assert transport.committed["grouping"]["samples", 0] == Position(0, 1)
    transport.add("samples", b"1")
    await fake_clock.advance(0.3)
    role.stopping.set()
    await fake_clock.drive(asyncio.wait_for(running, None))
    assert transport.committed["grouping"]["samples", 0] == Position(0, 2)


async def test_a_tick_comes_only_at_the_end_of_the_log_and_not_more_often_than_every_quarter_second(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    built: list[Grouping] = []

    def build(partition: int) -> Processor:
        built.append(grouping(partition))
        return built[-1]

    role = Role(transport, fake_clock, build)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(10.0)
    assert 30 <= built[0].ticks <= 41
    role.stopping.set()
    await fake_clock.drive(asyncio.wait_for(running, None))


async def test_ticks_keep_their_distance_while_messages_trickle_in_and_wait_while_there_is_a_backlog(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", *numbered(100))
    transport.read_takes = 0.4
    built: list[Grouping] = []

    def build(partition: int) -> Processor:
        built.append(grouping(partition))
        return built[-1]

    role = Role(transport, fake_clock, build)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(9.0)
    assert 80 <= role.counters.received < 100
    assert role.counters.lag == 100 - role.counters.received
    assert built[0].ticks == 0
    await fake_clock.advance(2.0)
    transport.read_takes = 0.0
    before = built[0].ticks
    for _ in range(100):
        transport.add("samples", b"x")
        await fake_clock.advance(0.05)
    assert 15 <= built[0].ticks - before <= 21
    role.stopping.set()
    await fake_clock.drive(asyncio.wait_for(running, None))


@pytest.mark.parametrize("fault", ["LOST", "REVOKED"])
async def test_nothing_more_is_stored_for_a_partition_that_another_worker_owns(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock", fault: str
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", *numbered(2))
    role = Role(transport, fake_clock, grouping)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(0.3)
    assert role.counters.pending == 2
    transport.elsewhere.add(0)
    transport.faults.append(memory_transport.Fault[fault])
    with capture_logs() as logs:
        await fake_clock.advance(0.3 if fault == "REVOKED" else 5.0)
        assert role.counters.pending == 0
        await fake_clock.advance(5.0)
        role.stopping.set()
        await fake_clock.drive(asyncio.wait_for(running, None))
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["partition dropped"]
    assert transport.transfers == []


async def test_a_drain_waits_for_the_owner_of_what_is_there_and_for_nobody_where_nothing_is(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.elsewhere.add(0)
    await fake_clock.drive(Role(transport, fake_clock, grouping).run(Until.DRAINED), limit=1.0)
    transport.add("samples", *numbered(3))
    draining = asyncio.create_task(Role(transport, fake_clock, grouping).run(Until.DRAINED))
    await fake_clock.advance(60.0)
    assert not draining.done()
    transport.elsewhere.clear()
    await fake_clock.drive(asyncio.wait_for(draining, None))
    assert counted(transport) == numbered(3)


async def test_a_stopped_role_reads_to_the_end_of_what_is_there(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    role = Role(transport, fake_clock, grouping)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(1.0)
    transport.add("samples", *numbered(50))
    role.stopping.set()
    await fake_clock.drive(asyncio.wait_for(running, None))
    assert counted(transport) == numbered(48)
    assert transport.committed["grouping"]["samples", 0] == Position(48, 50)


async def test_a_role_stopped_while_the_transport_is_away_gives_up_after_one_more_try(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock, faults=[memory_transport.Fault.RETRYABLE] * 1000)
    role = Role(transport, fake_clock, grouping)
    running = asyncio.create_task(role.run(Until.STOPPED))
    await fake_clock.advance(60.0)
    tried = 1000 - len(transport.faults)
    role.stopping.set()
    await fake_clock.settle()
    with pytest.raises(RetryableError):
        await running
    assert 1000 - len(transport.faults) == tried + 1


@settings(max_examples=150, deadline=None)
@given(
    faults=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4]), max_size=60),
    counts=st.lists(st.lists(st.integers(0, 25), min_size=2, max_size=2), min_size=1, max_size=2),
    limit=st.integers(1, 9),
)
@example(faults=[0, 0, 0, 2], counts=[[1, 0]], limit=5)  # lost in the drain
@example(faults=[0, 0, 0, 2], counts=[[3, 0]], limit=5)  # lost with the last batch
@example(faults=[0, 0, 0, 0, 2], counts=[[4, 4]], limit=4)  # one topic goes on while the other is still to be replayed
async def test_whatever_fails_every_message_is_stored_once(  # noqa: PLR0917 all are fixtures
    memory_transport: "type[MemoryTransport]",
    grouping: "type[Grouping]",
    new_clock: "Callable[[], FakeClock]",
    faults: list[int],
    counts: list[list[int]],
    limit: int,
) -> None:
    clock = new_clock()
    transport: MemoryTransport = memory_transport(clock, len(counts), [memory_transport.Fault(fault) for fault in faults])
    expected = []
    for partition, (samples, late) in enumerate(counts):
        for topic, count in (("samples", samples), ("late", late)):
            values = [b"%s-%d-%d" % (topic.encode(), partition, number) for number in range(count)]
            transport.add(topic, *values, partition=partition)
            expected += values
    spec = ProcessorSpec("grouping", ("samples", "late"), ("sources",), limit)
    while True:
        try:
            await clock.drive(Role(transport, clock, grouping).run(Until.DRAINED, spec))
        except FatalError:
            continue  # the process died there and is started again
        break
    assert sorted(counted(transport)) == sorted(expected)
    for partition, both in enumerate(counts):
        for topic, count in zip(("samples", "late"), both, strict=True):
            at = transport.committed["grouping"].get((topic, partition), Position(0, 0))
            assert at == Position(count, count)


async def test_outputs_of_a_drain_are_stored_one_by_one_with_their_own_progress(
    memory_transport: "type[MemoryTransport]", grouping: "type[Grouping]", fake_clock: "FakeClock"
) -> None:
    transport = memory_transport(fake_clock)
    transport.add("samples", b"s")
    transport.add("late", b"l")
    spec = ProcessorSpec("grouping", ("samples", "late"), (), 10)
    await fake_clock.drive(Role(transport, fake_clock, grouping).run(Until.DRAINED, spec))
    (first, then), (second, last) = transport.transfers
    assert first == [Outgoing("aggregates", "host", b"s", 0)]
    assert then.positions == {"samples": Position(1, 1), "late": Position(0, 1)}
    assert second == [Outgoing("aggregates", "host", b"l", 0)]
    assert last.positions == {"samples": Position(1, 1), "late": Position(1, 1)}
