"""Running a command's coroutine, so that Ctrl-C and SIGTERM end it cleanly and a blocked read never holds it up."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import RetryableError, VirtpulseError
from virtpulse.transports.interface import Transport
from virtpulse.wiring import open_configured

T = TypeVar("T")

CONNECT_WITHIN = 15.0  # seconds
CLOSE_WITHIN = 5.0  # seconds


class InterruptedByUserError(VirtpulseError):
    """Ctrl-C or SIGTERM came before the command was done."""


def execute(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end and return what it returns. Raises InterruptedByUserError after a signal."""
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError as error:
        msg = "interrupted"
        raise InterruptedByUserError(msg) from error
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def connected(configuration: Configuration) -> AsyncIterator[Transport]:
    """Open the transport of the configuration and close it in the end. Raises RetryableError or FatalError."""
    transport = open_configured(configuration, SystemClock())
    try:
        await _within(CONNECT_WITHIN, transport.start(), f"{configuration.settings.transport} did not answer")
        yield transport
    finally:
        await _within(CLOSE_WITHIN, transport.close(), f"{configuration.settings.transport} could not be closed")


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """Run a call that may block for ever, such as reading standard input, where it cannot keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(set_result: Callable[[Any], None], value: object) -> None:
        if not result.done():
            set_result(value)

    def run() -> None:
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 it is handed to the waiting coroutine, whatever it is
            outcome: tuple[Callable[[Any], None], object] = (result.set_exception, error)
        else:
            outcome = (result.set_result, value)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, daemon=True, name="blocking read").start()
    return await result


async def _within(seconds: float, work: Coroutine[Any, Any, None], failure: str) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError as error:
        msg = f"{failure} within {seconds:g} s"
        raise RetryableError(msg) from error
