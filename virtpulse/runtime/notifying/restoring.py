"""Taking a partition over: its book, as the log remembers it."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.alert_reading import read_notified
from virtpulse.messages.notified import is_told_by
from virtpulse.runtime.closing import closing_generator
from virtpulse.runtime.context import Context
from virtpulse.runtime.firing import Change
from virtpulse.runtime.notifying.book import Book
from virtpulse.runtime.notifying.states import States
from virtpulse.runtime.roles import NotifierSpec
from virtpulse.topics import NOTIFICATIONS
from virtpulse.transports.interface import Batch, Outgoing, Position

_AT_ONCE: Final = 500  # alerts

_log = get_logger(__name__)


class Restored(NamedTuple):
    """A book as it was left, with all that fires now, and what removes the records that nobody needs any more."""

    book: Book
    removals: Sequence[Outgoing]


async def restored(spec: NotifierSpec, context: Context, states: States, partition: int, position: Position) -> Restored:
    """Return the book of a partition. Raises FatalError, and RetryableError if the role is stopped while reading fails."""
    muting, counters = states.muting, context.counters
    found = await context.retrying(lambda: _remembered(spec, context, Book(spec, partition, muting, counters, position)))
    for index, firing in enumerate(states.firing.of(partition)):
        found.book.note(Change(partition, None, firing), context.clock.time())
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)  # there may be many, and others wait for the loop
    return found


async def _remembered(spec: NotifierSpec, context: Context, book: Book) -> Restored:
    removals: list[Outgoing] = []
    latest = context.transport.latest(NOTIFICATIONS, book.partition)
    async with closing_generator(latest, f"latest of {NOTIFICATIONS}") as batches:
        async for batch in batches:
            removals += _take(spec, context, book, batch)
    return Restored(book, removals)


def _take(spec: NotifierSpec, context: Context, book: Book, batch: Batch) -> list[Outgoing]:
    removals = []
    for message in batch:
        if not is_told_by(spec.name, message.key):
            continue
        try:
            removal = book.restore(read_notified(message), context.clock.time())
        except InvalidError as error:
            context.counters.refused += 1
            _log.warning("what was told cannot be read", role=context.counters.role, error=error.reason)
            continue
        if removal is not None:
            removals.append(removal)
    return removals
