"""What tests of every kind use."""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.needs"]

# how long an example takes is the machine's business: a busy one is no failure
settings.register_profile("patient", parent=settings.default, deadline=None)
settings.load_profile("patient")

T = TypeVar("T")

_TURNS = 100  # of the event loop; more than any chain of callbacks between two waits in the project


class FakeClock:
    """A clock that stands still until a test advances it. It is a `virtpulse.clock.Clock`."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the test has advanced the clock by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        timer = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self._now + seconds, next(self._numbers), timer))
        await timer

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, timer by timer; each time everybody gets the time to react."""
        end = self._now + seconds
        await self.settle()
        while self._timers and self._timers[0][0] <= end:
            await self._ring()
        self._now = end
        await self.settle()

    async def drive(self, work: Coroutine[Any, Any, T], limit: float = 86_400.0) -> T:
        """Do `work`, advancing from timer to timer until it is done; return what it returns. It may take `limit` seconds."""
        task = asyncio.ensure_future(work)
        end = self._now + limit
        try:
            await self.settle()
            while not task.done():
                await self._work_until(lambda: bool(self._timers) or task.done())
                if task.done():
                    break
                assert self._timers, "it waits for something that is not a timer"
                assert self._timers[0][0] <= end, f"it is not done after {limit} seconds"
                await self._ring()
        finally:
            task.cancel()
            await asyncio.wait([task])
        return task.result()

    async def settle(self) -> None:
        """Let everything run that does not wait for time."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _work_until(self, reached: Callable[[], bool]) -> None:
        for _ in range(_TURNS):
            if reached():
                return
            await self.settle()

    async def _ring(self) -> None:
        due, _, timer = heapq.heappop(self._timers)
        if timer.done():
            return
        self._now = max(self._now, due)
        timer.set_result(None)
        await self.settle()


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that only the test advances."""
    return FakeClock()


@pytest.fixture(scope="session")
def new_clock() -> Callable[[], FakeClock]:
    """Return a function that makes such clocks, for property tests, which need one for each example."""
    return FakeClock


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Undo afterwards what a test does to the logs of the process."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.configure(**before)
