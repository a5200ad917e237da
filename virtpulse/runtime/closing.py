"""Closing what a role has opened, whatever state it is in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from virtpulse.errors import VirtpulseError
from virtpulse.logs import get_logger

CLOSE_WITHIN: Final = 2.0  # seconds of the loop's own clock

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
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await opened.close()
    except TimeoutError:
        _log.warning("could not be closed in time", what=name, seconds=CLOSE_WITHIN)
        return False
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
async def closing_iterator(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `iterator` at the end where it can be closed, as generators can, so that what it has opened is given back now."""
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
