"""Trying again. The calls are made up, because they must fail a chosen number of times."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from virtpulse.errors import FatalError, RetryableError
from virtpulse.runtime.backoff import CAP, FIRST, LONGEST, Backoff, retrying
from virtpulse.runtime.counters import Counters

if TYPE_CHECKING:
    from tests.conftest import FakeClock


class Flaky:
    """A call that fails `failures` times before it works."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            msg = "the broker is away"
            raise RetryableError(msg)
        return "done"


def test_pauses_double_up_to_a_cap_and_are_spread_over_the_whole_of_it() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    backoff = Backoff(uniform)
    pauses = [backoff.pause() for _ in range(12)]
    assert pauses[:4] == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8]
    assert pauses[-1] == CAP
    assert {low for low, _ in drawn} == {0.0}
    backoff.reset()
    assert backoff.pause() == FIRST


async def test_a_call_is_repeated_until_it_works_and_each_repeat_is_counted(fake_clock: "FakeClock") -> None:
    counters = Counters("role")
    result = await fake_clock.drive(retrying(Flaky(50), counters, asyncio.Event(), fake_clock))
    assert result == "done"
    assert counters.retried == 50


async def test_failing_is_logged_at_first_then_rarely_and_when_it_is_over(fake_clock: "FakeClock") -> None:
    backoff = Backoff(lambda _low, high: high)
    with capture_logs() as logs:
        await fake_clock.drive(retrying(Flaky(100), Counters("role"), asyncio.Event(), fake_clock, backoff))
    said = [entry["event"] for entry in logs]
    assert said[0].startswith("failed")
    assert said[-1] == "works again"
    assert 5 <= len(said) <= 12  # about 3,000 s, a line each 300 s


async def test_other_errors_are_not_retried(fake_clock: "FakeClock") -> None:
    async def broken() -> None:
        msg = "the disk is full"
        raise FatalError(msg)

    with pytest.raises(FatalError):
        await retrying(broken, Counters("role"), asyncio.Event(), fake_clock)


async def test_a_stop_ends_the_pause_with_one_last_try(fake_clock: "FakeClock") -> None:
    stopping = asyncio.Event()
    call = Flaky(1000)
    running = asyncio.create_task(retrying(call, Counters("role"), stopping, fake_clock))
    await fake_clock.advance(100.0)
    calls = call.calls
    stopping.set()
    await fake_clock.settle()
    with pytest.raises(RetryableError):
        await running
    assert call.calls == calls + 1


@pytest.mark.parametrize(("asked", "waited"), [(100.0, 100.0), (1e9, LONGEST)])
async def test_whoever_asks_to_be_left_alone_is_but_not_for_ever(fake_clock: "FakeClock", asked: float, waited: float) -> None:
    errors = [RetryableError("too many requests", after=asked)]

    async def call() -> None:
        if errors:
            raise errors.pop()

    began = fake_clock.time()
    await fake_clock.drive(retrying(call, Counters("role"), asyncio.Event(), fake_clock))
    assert fake_clock.time() - began == pytest.approx(waited)
