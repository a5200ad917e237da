"""Waits that end early when the role is stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from virtpulse.clock import Clock

GRACE: Final = 2.0  # seconds of the loop's own clock; for work that was cancelled and only has to clean up


async def until_stopped(work: Coroutine[Any, Any, None], stopping: asyncio.Event) -> bool:
    """Do `work`, but cancel it once `stopping` is set. Return whether it came to its own end; raises what it raises.

    Work that does not end when cancelled is left behind after 2 seconds, and has not come to its own end.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(watching, working)
    if not working.done() or working.cancelled():
        return False
    working.result()
    return True


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Do all of `works` until one of them has ended, then cancel the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*tasks)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of `works`, each as a task of its own; where one fails, cancel the others and raise what it raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def cancelled(*tasks: asyncio.Future[Any], grace: float = GRACE) -> None:
    """Cancel those of `tasks` that still run and wait until they have ended, for at most `grace` seconds."""
    if not tasks:
        return
    for task in tasks:
        task.cancel()
        task.add_done_callback(_looked_at)
    await asyncio.wait(tasks, timeout=grace)


def _looked_at(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # so that asyncio does not report it as never looked at


async def pause(seconds: float, stopping: asyncio.Event, clock: Clock) -> None:
    """Wait for `seconds`, or until `stopping` is set."""
    await until_stopped(clock.sleep(seconds), stopping)
