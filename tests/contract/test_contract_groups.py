"""What a transport promises to the workers of a group."""

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from virtpulse.errors import PartitionLostError, RefusedError
from virtpulse.topics import AGGREGATES, LATE, SAMPLES, SOURCES
from virtpulse.transports.interface import (
    MAX_MESSAGE_BYTES,
    Assigned,
    Batch,
    Message,
    Outgoing,
    Position,
    Progress,
    Revoked,
    Start,
    Subscription,
    Transport,
    Waiting,
)

Connect = Callable[[], Awaitable[Transport]]
Messages = Callable[..., Awaitable[list[Message]]]
Owned = Callable[[Subscription], Coroutine[None, None, Assigned]]
Lost = Callable[[Subscription], Awaitable[Revoked]]
Spawn = Callable[..., subprocess.Popen[str]]

TAKEOVER_SECONDS = 5.0


async def _heard(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return (await asyncio.to_thread(child.stdout.readline)).strip()


async def _say(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdin is not None
    await asyncio.to_thread(child.stdin.write, line + "\n")


def _read_to(partition: int, following: int, topic: str = SAMPLES) -> Progress:
    return Progress(partition, {topic: Position(following, following)})


async def test_a_new_group_starts_at_the_beginning(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 3)
    subscription = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(subscription)
    assert assigned.positions == {SAMPLES: Position(0, 0)}
    assert assigned.skipped == 0
    assert [message.position for message in await messages(subscription, 3)] == [0, 1, 2]
    assert await subscription.read(10, 0.0) == Waiting((assigned.partition,))


async def test_what_was_not_acknowledged_comes_again(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", str(n).encode()) for n in range(10)])
    first = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(first)
    await messages(first, 6, 3)
    await first.transfer([], _read_to(assigned.partition, 3))
    await first.close()
    second = await transport.subscribe("g", [SAMPLES])
    await owned(second)
    assert [int(message.value) for message in await messages(second, 7)] == list(range(3, 10))


async def test_reading_starts_again_at_the_first_needed_message(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 10)
    first = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(first)
    await first.transfer([], Progress(assigned.partition, {SAMPLES: Position(2, 8)}))
    assert (await transport.positions("g"))[SAMPLES, assigned.partition] == Position(2, 8)
    await first.close()
    second = await transport.subscribe("g", [SAMPLES])
    assert (await owned(second)).positions == {SAMPLES: Position(2, 8)}
    assert (await messages(second, 8))[0].position == 2


async def test_groups_do_not_see_one_another(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")])
    for group in ("g", "h", "'; DELETE FROM leases; --", "a\x00b", "ü💥"):
        subscription = await transport.subscribe(group, [SAMPLES])
        assigned = await owned(subscription)
        assert len(await messages(subscription, 1)) == 1
        await subscription.transfer([], _read_to(assigned.partition, 1))
        assert await transport.positions(group) == {(SAMPLES, assigned.partition): Position(1, 1)}
    assert await transport.positions("nobody") == {}


async def test_a_worker_whose_input_grows_is_never_told_that_it_has_read_to_the_end(connect: Connect, owned: Owned) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 3)
    subscription = await transport.subscribe("g", [SAMPLES])
    await owned(subscription)
    remaining = []
    for _ in range(20):
        await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 2)
        batch = await subscription.read(2, 10.0)
        assert isinstance(batch, Batch)
        remaining.append(batch.remaining)
    assert 0 not in remaining


async def test_a_transfer_stores_output_and_position(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"in")])
    subscription = await transport.subscribe("g", [SAMPLES, SOURCES])
    assigned = await owned(subscription)
    outputs = [Outgoing(AGGREGATES, "k", b"out", assigned.partition), Outgoing(LATE, "k", b"late", assigned.partition)]
    await subscription.transfer(outputs, _read_to(assigned.partition, 1))
    read = await messages(await transport.follow([AGGREGATES, LATE], Start.BEGINNING), 2)
    assert {message.value for message in read} == {b"out", b"late"}
    assert (await transport.positions("g"))[SAMPLES, assigned.partition] == Position(1, 1)


async def test_a_transfer_with_a_refused_message_stores_nothing(connect: Connect, owned: Owned) -> None:
    transport = await connect()
    subscription = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(subscription)
    outputs = [Outgoing(AGGREGATES, "k", b"x" * (MAX_MESSAGE_BYTES + 1)), Outgoing(AGGREGATES, "k", b"good")]
    with pytest.raises(RefusedError) as refused:
        await subscription.transfer(outputs, _read_to(assigned.partition, 0))
    assert list(refused.value.reasons) == [0]
    assert sum((await transport.ends(AGGREGATES)).values()) == 0
    assert await transport.positions("g") == {}
    await subscription.transfer(outputs[1:], _read_to(assigned.partition, 0))
    assert sum((await transport.ends(AGGREGATES)).values()) == 1
    assert await transport.positions("g") == {(SAMPLES, assigned.partition): Position(0, 0)}


async def test_without_ownership_nothing_is_stored(connect: Connect, owned: Owned) -> None:
    transport, other = await connect(), await connect()
    owner = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(owner)
    standby = await other.subscribe("g", [SAMPLES])
    assert await standby.read(10, 0.0) == Waiting(())
    with pytest.raises(PartitionLostError):
        await standby.transfer([Outgoing(AGGREGATES, "k", b"v")], _read_to(assigned.partition, 0))
    assert sum((await transport.ends(AGGREGATES)).values()) == 0
    assert await transport.positions("g") == {}


async def test_a_graceful_close_lets_the_next_one_in_at_once(connect: Connect, owned: Owned) -> None:
    transport, other = await connect(), await connect()
    owner = await transport.subscribe("g", [SAMPLES])
    await owned(owner)
    standby = await other.subscribe("g", [SAMPLES])
    waiting = asyncio.create_task(owned(standby))
    await asyncio.sleep(0.05)
    await owner.close()
    async with asyncio.timeout(TAKEOVER_SECONDS):
        await waiting


async def test_a_killed_owner_is_replaced_in_time(connect: Connect, spawn: Spawn, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")])
    child = spawn("copier", "careful")
    assert await _heard(child) == "read"
    standby = await transport.subscribe("copiers", [SAMPLES])
    assert await standby.read(10, 0.1) == Waiting(())
    child.send_signal(signal.SIGKILL)
    async with asyncio.timeout(TAKEOVER_SECONDS):
        await owned(standby)
    assert len(await messages(standby, 1)) == 1


@pytest.mark.slow
async def test_a_paused_owner_that_comes_back_cannot_commit(
    connect: Connect, spawn: Spawn, owned: Owned, messages: Messages
) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"v")])
    child = spawn("copier", "careful")
    assert await _heard(child) == "read"
    standby = await transport.subscribe("copiers", [SAMPLES])
    child.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(TAKEOVER_SECONDS):
        assigned = await owned(standby)
    assert len(await messages(standby, 1)) == 1
    await standby.transfer([Outgoing(AGGREGATES, "k", b"mine")], _read_to(assigned.partition, 1))
    child.send_signal(signal.SIGCONT)
    await _say(child, "go on")
    assert [await _heard(child), await _heard(child)] == ["lost", "revoked"]
    assert sum((await transport.ends(AGGREGATES)).values()) == 1
    await standby.close()
    await transport.publish([Outgoing(SAMPLES, "k", b"next")])
    assert await _heard(child) == "read"
    await _say(child, "go on")
    assert await _heard(child) == "stored 2"


async def test_a_worker_killed_again_and_again_copies_everything_once(connect: Connect, spawn: Spawn, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", str(n).encode()) for n in range(100)])
    for lives in range(5):
        child = spawn("copier", "hasty")
        for _ in range(3 + 2 * lives):
            await _heard(child)
        child.send_signal(signal.SIGKILL)
        await asyncio.to_thread(child.wait)
        stored = (await transport.positions("copiers")).get((SAMPLES, 0), Position(0, 0)).following
        assert sum((await transport.ends(AGGREGATES)).values()) == stored
    spawn("copier", "hasty")
    copies = await messages(await transport.follow([AGGREGATES], Start.BEGINNING), 100)
    assert [int(message.value) for message in copies] == list(range(100))
    assert sum((await transport.ends(AGGREGATES)).values()) == 100


async def test_acknowledged_messages_outlive_a_kill(connect: Connect, spawn: Spawn, messages: Messages) -> None:
    transport = await connect()
    acknowledged = 0
    for lives in range(4):
        child = spawn("publisher")
        for _ in range(2 + lives):
            acknowledged = int(await _heard(child))
        child.send_signal(signal.SIGKILL)
        await asyncio.to_thread(child.wait)
        end = sum((await transport.ends(SAMPLES)).values())
        assert end >= acknowledged
        read = await messages(await transport.follow([SAMPLES], Start.BEGINNING), end)
        assert [int(message.value) for message in read] == list(range(end))


@pytest.mark.parametrize("what", ["subscription", "transport"])
async def test_closing_ends_a_read_that_waits(connect: Connect, owned: Owned, what: str) -> None:
    transport = await connect()
    subscription = await transport.subscribe("g", [SAMPLES])
    await owned(subscription)
    waiting = asyncio.create_task(subscription.read(10, 60.0))
    await asyncio.sleep(0.05)
    await (subscription if what == "subscription" else transport).close()
    async with asyncio.timeout(5):
        assert await waiting == Waiting(())


async def test_a_cancelled_transfer_is_stored_as_a_whole_or_not_at_all(connect: Connect, owned: Owned) -> None:
    transport = await connect()
    subscription = await transport.subscribe("g", [SAMPLES])
    assigned = await owned(subscription)
    for number in range(1, 30):
        outputs = [Outgoing(AGGREGATES, "k", b"v" * 1_000)]
        task = asyncio.create_task(subscription.transfer(outputs, _read_to(assigned.partition, number)))
        await asyncio.sleep(number * 0.0001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stored = (await transport.positions("g")).get((SAMPLES, assigned.partition), Position(0, 0)).following
        if stored != number:
            await subscription.transfer(outputs, _read_to(assigned.partition, number))
        assert sum((await transport.ends(AGGREGATES)).values()) == number


async def test_a_compacted_topic_can_be_read_as_a_group(connect: Connect, owned: Owned, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SOURCES, key, str(n).encode()) for n in range(3) for key in ("a", "b")])
    subscription = await transport.subscribe("g", [SOURCES])
    await owned(subscription)
    read = await messages(subscription, 2)
    assert {message.key: message.value for message in read} == {"a": b"2", "b": b"2"}
    last = await subscription.read(10, 0.0)
    assert not isinstance(last, Batch)
