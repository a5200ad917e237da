"""Trying again: capped exponential back-off with full jitter. The only place that repeats a failed call."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from virtpulse.clock import Clock
from virtpulse.errors import RetryableError, VirtpulseError
from virtpulse.logs import get_logger
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.waiting import pause

T = TypeVar("T")

FIRST: Final = 0.1  # seconds
CAP: Final = 30.0  # seconds
LONGEST: Final = 3_600.0  # seconds that anybody is left alone for, whatever they ask for
REMINDER: Final = 300.0  # seconds between two log lines about the same failure

_log = get_logger(__name__)


class Backoff:
    """The pauses between attempts: evenly spread between 0 and a bound that doubles from FIRST up to CAP.

    `uniform` draws a number between its two arguments.
    """

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._bound = FIRST

    def pause(self) -> float:
        """Return the next pause in seconds."""
        bound = self._bound
        self._bound = min(bound * 2, CAP)
        return self._uniform(0.0, bound)

    def reset(self) -> None:
        """Start small again: it works."""
        self._bound = FIRST


class FailureLog:
    """Logs that something fails: at first, then rarely, and once more when it works again."""

    def __init__(self, role: str, clock: Clock) -> None:
        self._role = role
        self._clock = clock
        self._since: float | None = None
        self._logged = 0.0
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """Count a failure, and log it if it is time."""
        now = self._clock.monotonic()
        self._failures += 1
        if self._since is None:
            self._since = self._logged = now
            fault = None if isinstance(error, VirtpulseError) else error  # not foreseen: where it happened matters
            _log.warning("failed, trying again until it works", role=self._role, error=str(error) or repr(error), exc_info=fault)
        elif now - self._logged >= REMINDER:
            self._logged = now
            _log.warning(
                "still failing, trying again",
                role=self._role, error=str(error) or repr(error), failures=self._failures, seconds=round(now - self._since),
            )  # fmt: skip

    def over(self) -> None:
        """Log that it works again, if it did not."""
        if self._since is not None:
            seconds = round(self._clock.monotonic() - self._since, 1)
            _log.info("works again", role=self._role, failures=self._failures, seconds=seconds)
        self._since, self._failures = None, 0


async def retrying(  # noqa: PLR0913, PLR0917 what `Context` has, what it is for, and what only some give
    call: Callable[[], Awaitable[T]],
    counters: Counters,
    stopping: asyncio.Event,
    clock: Clock,
    backoff: Backoff | None = None,
    failures: FailureLog | None = None,
) -> T:
    """Return what `call` returns, calling it again after each RetryableError for as long as it takes.

    A pause lasts for as long as the other side asks for, an hour at most. Once `stopping` is set it ends, the call is made a last
    time, and its RetryableError is raised. failures: where they are logged, if others than this call are logged there too.
    """
    pauses = backoff or Backoff()
    log = failures or FailureLog(counters.role, clock)
    while True:
        try:
            result = await call()
        except RetryableError as error:
            if stopping.is_set():
                raise
            log.failed(error)
            counters.retried += 1
            asked = min(error.after, LONGEST)
        else:
            log.over()
            return result
        await pause(max(pauses.pause(), asked), stopping, clock)
