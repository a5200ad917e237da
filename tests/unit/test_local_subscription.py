"""A member of a group on the local log: how it loses and regains its partition."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from virtpulse.clock import Clock, SystemClock
from virtpulse.errors import FatalError, PartitionLostError
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Assigned, Outgoing, Position, Progress, Revoked, Subscription, Waiting
from virtpulse.transports.local import subscription
from virtpulse.transports.local.leases import LEASE_SECONDS
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transport import LocalTransport

Open = Callable[[Clock], Awaitable[LocalTransport]]

OUTPUT = [Outgoing(AGGREGATES, "k", b"v")]
PROGRESS = Progress(0, {SAMPLES: Position(0, 0)})


class SwiftClock(SystemClock):
    """A clock whose steady side the test moves, and for which nobody has to wait."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Seconds since boot, and what the test added."""
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Return almost at once."""
        await asyncio.sleep(min(seconds, 0.01))


class WrongClock(SystemClock):
    """A system clock that was set a year ahead."""

    def time(self) -> float:
        """Seconds since the epoch, a year ahead."""
        return super().time() + 366 * 86_400


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    transports: list[LocalTransport] = []

    async def start(clock: Clock) -> LocalTransport:
        transport = LocalTransport(tmp_path / "log.db", LocalSettings(), clock)
        transports.append(transport)
        await transport.start()
        return transport

    yield start
    for transport in transports:
        await transport.close()


def _steal(folder: Path) -> None:
    with sqlite3.connect(folder / "log.db") as hand:
        hand.execute("UPDATE leases SET owner = 'thief', generation = generation + 1, process = '', renewed = 0")
    hand.close()


async def test_an_owner_that_waits_notices_its_loss_and_regains_the_partition(opened: Open, tmp_path: Path) -> None:
    subscription = await (await opened(SwiftClock())).subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    waiting = asyncio.create_task(subscription.read(1, 5.0))
    await asyncio.to_thread(_steal, tmp_path)
    assert await waiting == Revoked(0)
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    await subscription.transfer(OUTPUT, PROGRESS)


async def test_a_lost_owner_cannot_transfer_and_is_told_once(opened: Open, tmp_path: Path) -> None:
    transport = await opened(SystemClock())
    subscription = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    await asyncio.to_thread(_steal, tmp_path)
    for _ in range(2):
        with pytest.raises(PartitionLostError):
            await subscription.transfer(OUTPUT, PROGRESS)
    assert await transport.ends(AGGREGATES) == {0: 0}
    assert [type(await subscription.read(1, 5.0)) for _ in range(2)] == [Revoked, Assigned]


async def test_an_owner_that_was_paused_looks_before_it_reads_on(opened: Open, tmp_path: Path) -> None:
    clock = SwiftClock()
    transport = await opened(clock)
    await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 3)
    subscription = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    await subscription.read(1, 5.0)
    await asyncio.to_thread(_steal, tmp_path)
    clock.ahead += LEASE_SECONDS + 1
    assert await subscription.read(1, 5.0) == Revoked(0)


async def test_setting_the_system_clock_moves_no_lease(opened: Open) -> None:
    owner = await (await opened(SystemClock())).subscribe("g", [SAMPLES])
    assert isinstance(await owner.read(1, 5.0), Assigned)
    standby = await (await opened(WrongClock())).subscribe("g", [SAMPLES])
    assert await standby.read(1, 0.0) == Waiting(())
    await owner.transfer(OUTPUT, PROGRESS)


async def test_a_progress_that_goes_backwards_in_itself_stores_nothing(opened: Open) -> None:
    transport = await opened(SystemClock())
    subscription = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    with pytest.raises(FatalError, match="no first_needed above following"):
        await subscription.transfer(OUTPUT, Progress(0, {SAMPLES: Position(5, 3)}))
    assert await transport.ends(AGGREGATES) == {0: 0}
    assert await transport.positions("g") == {}


async def test_a_member_that_is_closed_or_has_lost_leaves_no_task_behind(opened: Open, tmp_path: Path) -> None:
    transport = await opened(SystemClock())
    before = asyncio.all_tasks()
    subscription = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    await asyncio.to_thread(_steal, tmp_path)
    with pytest.raises(PartitionLostError):
        await subscription.transfer(OUTPUT, PROGRESS)
    assert await subscription.read(1, 5.0) == Revoked(0)
    assert asyncio.all_tasks() == before
    assert isinstance(await subscription.read(1, 5.0), Assigned)
    await subscription.close()
    assert asyncio.all_tasks() == before


async def test_a_member_that_was_cancelled_while_it_became_the_owner_still_owns(opened: Open) -> None:
    subscription = await (await opened(SystemClock())).subscribe("g", [SAMPLES])
    for delay in range(10):
        reading = asyncio.create_task(subscription.read(1, 5.0))
        await asyncio.sleep(delay * 0.0001)
        reading.cancel()
        if isinstance((await asyncio.gather(reading, return_exceptions=True))[0], Assigned):
            return
    assert isinstance(await subscription.read(1, 5.0), Assigned)


async def test_a_fault_while_a_lease_is_renewed_comes_out_of_the_next_calls(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        msg = "a fault"
        raise ZeroDivisionError(msg)

    transport = await opened(SwiftClock())
    member = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await member.read(1, 1.0), Assigned)
    monkeypatch.setattr(subscription, "renew", broken)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(_read_on(member), 20)
    with pytest.raises(ZeroDivisionError):
        await member.transfer(OUTPUT, PROGRESS)


async def _read_on(member: Subscription) -> None:
    while True:
        await member.read(1, 1.0)
