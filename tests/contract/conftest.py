"""What every transport's contract is held against. A new transport is one more of `TRANSPORTS`."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from tests.memory import MemoryLog, MemoryTransport
from virtpulse.clock import SystemClock
from virtpulse.transports.interface import Assigned, Batch, Event, Follower, Message, Revoked, Subscription, Transport
from virtpulse.transports.open import open_transport

TRANSPORTS = ["local"]
MEMORY = "memory"  # the one that only tests use; no other process can see it

_PROGRAMS = Path(__file__).parent / "programs"
_WAIT = 10.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold all transports to the contract, but to what it says of processes only those that several can use."""
    if "address" in metafunc.fixturenames:
        others = [] if "spawn" in metafunc.fixturenames else [MEMORY]
        metafunc.parametrize("address", [*TRANSPORTS, *others], indirect=True)


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty deployment."""
    return {"local": f"local:{tmp_path}/log.db", MEMORY: MEMORY}[request.param]


@pytest.fixture
async def connect(address: str) -> AsyncIterator[Callable[[], Awaitable[Transport]]]:
    """Return a function that opens one more connection to the deployment."""
    opened: list[Transport] = []
    log, clock = MemoryLog(), SystemClock()

    async def start() -> Transport:
        transport = MemoryTransport(clock, log=log) if address == MEMORY else open_transport(address, clock)
        opened.append(transport)
        await transport.start()
        return transport

    yield start
    for transport in opened:
        await transport.close()


@pytest.fixture
def spawn(address: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that runs one of the programs beside this file on the deployment, in a process of its own."""
    children: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(_PROGRAMS / f"{program}.py"), address, *arguments]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def owned() -> Callable[[Subscription], Coroutine[None, None, Assigned]]:
    """Return a function that waits until a subscription owns its partition."""

    async def wait(subscription: Subscription) -> Assigned:
        while not isinstance(event := await subscription.read(1, _WAIT), Assigned):
            assert not isinstance(event, Batch)
        return event

    return wait


@pytest.fixture
def lost() -> Callable[[Subscription], Awaitable[Revoked]]:
    """Return a function that reads until a subscription is told that it lost its partition."""

    async def wait(subscription: Subscription) -> Revoked:
        event: Event = await subscription.read(1, _WAIT)
        while not isinstance(event, Revoked):
            event = await subscription.read(1, _WAIT)
        return event

    return wait


@pytest.fixture
def messages() -> Callable[[Subscription | Follower, int, int], Awaitable[list[Message]]]:
    """Return a function that reads so many messages, at most `limit` in each batch."""

    async def read(reader: Subscription | Follower, count: int, limit: int = 1_000) -> list[Message]:
        found: list[Message] = []
        while len(found) < count:
            batch = await reader.read(limit, _WAIT)
            if isinstance(batch, Batch):
                assert len(batch) <= limit
                found += batch
            else:
                assert isinstance(batch, Assigned), f"{len(found)} of {count} messages, then {batch}"
        return found

    return read
