"""Running what yields messages, as a producer: they are buffered while the transport is away, and published."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Final

from virtpulse.errors import RefusedError, RetryableError, VirtpulseError
from virtpulse.logs import get_logger
from virtpulse.runtime.backoff import LONGEST, Backoff, FailureLog
from virtpulse.runtime.closing import closing_generator
from virtpulse.runtime.context import Context
from virtpulse.runtime.outbox import Outbox
from virtpulse.runtime.outgoing import sample_messages
from virtpulse.runtime.refusals import letters_for_outgoing
from virtpulse.runtime.roles import Producer
from virtpulse.runtime.waiting import cancelled, pause, until_stopped
from virtpulse.transports.interface import Outgoing

WORKS_AFTER: Final = 30.0  # seconds without a failure

_log = get_logger(__name__)


Yielding = Callable[[], AsyncGenerator[Sequence[Outgoing], None]]


async def produce(producer: Producer, context: Context) -> None:
    """Publish the samples of `producer`, as `publish` does."""

    async def messages() -> AsyncGenerator[Sequence[Outgoing], None]:
        async with closing_generator(producer.samples(), context.counters.role) as looks:
            async for samples in looks:
                yield sample_messages(samples)

    await publish(messages, context)


async def publish(yielding: Yielding, context: Context) -> None:
    """Publish what a generator yields until it ends or is stopped; what is buffered then gets a last try.

    `yielding` makes the generator, and one that fails is made anew with back-off. Raises FatalError, and RetryableError if the
    last try fails.
    """
    outbox = Outbox(context.counters)
    collecting = asyncio.create_task(_collect_until_stopped(context, yielding, outbox))
    try:
        await _deliver(context, outbox)
    finally:
        await cancelled(collecting)
    if collecting.done() and not collecting.cancelled():
        collecting.result()


async def _collect_until_stopped(context: Context, yielding: Yielding, outbox: Outbox) -> None:
    try:
        await until_stopped(_supervise(context, yielding, outbox), context.stopping)
    finally:
        outbox.close()


async def _supervise(context: Context, yielding: Yielding, outbox: Outbox) -> None:
    """Run the generator, and another each time it fails, until one ends by itself."""
    restarts = _Restarts(context)
    while True:
        try:
            await _collect(context, yielding, outbox, restarts.works)
        except RetryableError as error:
            await restarts.failed(error)
        except VirtpulseError:
            raise
        except Exception as error:  # noqa: BLE001 a fault in one producer must not end the others: logged, and started again
            await restarts.failed(error)
        else:
            return


async def _collect(context: Context, yielding: Yielding, outbox: Outbox, works: Callable[[], None]) -> None:
    async with closing_generator(yielding(), context.counters.role) as generator:
        async for messages in generator:
            await outbox.put(messages)
            works()


async def _deliver(context: Context, outbox: Outbox) -> None:
    while messages := await outbox.take():
        await _publish(context, messages, outbox)
        outbox.done(messages)


async def _publish(context: Context, messages: Sequence[Outgoing], outbox: Outbox) -> None:
    async def attempt() -> None:
        try:
            await context.transport.publish(messages)
        except RetryableError:
            outbox.away()
            raise

    try:
        await context.retrying(attempt)
    except RefusedError as error:
        _log.warning("messages were refused and become dead letters", role=context.counters.role, error=str(error))
        context.counters.sent += len(messages) - len(error.reasons)
        letters = letters_for_outgoing(messages, error.reasons, context.clock.time(), context.counters)
        await _publish_letters(context, letters)
    else:
        context.counters.sent += len(messages)


async def _publish_letters(context: Context, letters: Sequence[Outgoing]) -> None:
    try:
        await context.retrying(partial(context.transport.publish, letters))
    except RefusedError as error:
        letters_for_outgoing(letters, error.reasons, context.clock.time(), context.counters)


class _Restarts:
    """The pauses between a producer's restarts; they start small again only once it has worked for a while."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backoff = Backoff()
        self._failures = FailureLog(context.counters.role, context.clock)
        self._started = context.clock.monotonic()

    def works(self) -> None:
        """Reset the pauses, if the producer has worked for long enough."""
        if self._context.clock.monotonic() - self._started >= WORKS_AFTER:
            self._backoff.reset()
            self._failures.over()

    async def failed(self, error: Exception) -> None:
        """Log the failure if it is time, and wait until the producer should be started again."""
        self._failures.failed(error)
        self._context.counters.retried += 1
        asked = min(error.after, LONGEST) if isinstance(error, RetryableError) else 0.0
        await pause(max(self._backoff.pause(), asked), self._context.stopping, self._context.clock)
        self._started = self._context.clock.monotonic()
