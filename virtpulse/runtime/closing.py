"""Closing what a role has opened, whatever state it is in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, TypeVar

from virtpulse.errors import VirtpulseError
from virtpulse.logs import get_logger
from virtpulse.runtime.waiting import cancelled

CLOSE_WITHIN: Final = 2.0  # seconds of the loop's own clock
_GRACE: Final = 0.2  # the same, for a close that was cut off

_log = get_logger(__name__)


class Closable(Protocol):
    """What can be closed."""

    async def close(self) -> None:
        """Close it."""
        ...


C = TypeVar("C", bound=Closable)
T = TypeVar("T")


async def close(opened: Closable, name: str) -> bool:
    """Close `opened` within a few seconds and return whether that worked; if it did not, the log says why."""
    return await _within(opened.close(), name)


async def _within(work: Coroutine[Any, Any, None], name: str) -> bool:
    task = asyncio.create_task(work, name=f"closing of {name}")
    try:
        await asyncio.wait([task], timeout=CLOSE_WITHIN)
    finally:
        await cancelled(task, grace=_GRACE)
    if not task.done() or task.cancelled():
        _log.warning("could not be closed in time", what=name, seconds=CLOSE_WITHIN)
        return False
    try:
        task.result()
    except VirtpulseError as error:
        _log.warning("could not be closed", what=name, error=str(error))
        return False
    return True


@asynccontextmanager
async def closing(opened: C, name: str) -> AsyncIterator[C]:
    """Close `opened` at the end, on the way out of an error too."""
    try:
        yield opened
    finally:
        await close(opened, name)


@asynccontextmanager
async def closing_generator(generator: AsyncGenerator[T, None], name: str) -> AsyncIterator[AsyncGenerator[T, None]]:
    """Close `generator` at the end, so that what it has opened is given back now."""
    try:
        yield generator
    finally:
        await _within(_closed(generator), name)


async def _closed(generator: AsyncGenerator[T, None]) -> None:
    await generator.aclose()
