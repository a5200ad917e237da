"""Telling the receivers: each by a task of its own, in order, and again until it works; none holds up another one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from virtpulse.errors import InvalidError, RefusedError, RetryableError
from virtpulse.logs import get_logger
from virtpulse.messages.alert import Alert
from virtpulse.messages.codec import encode
from virtpulse.messages.reading import WHOLE
from virtpulse.runtime.backoff import FailureLog, retrying
from virtpulse.runtime.context import Context
from virtpulse.runtime.notifying.book import Book, Telling
from virtpulse.runtime.notifying.groups import Group
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.runtime.refusals import NEVER_STORED
from virtpulse.runtime.roles import Notification, Notifier, Receiver
from virtpulse.topics import ALERTS
from virtpulse.transports.interface import Message, Outgoing

ANSWER_WITHIN: Final = 60.0  # seconds of the loop's own clock; whoever takes longer is tried again

_log = get_logger(__name__)


class Due(NamedTuple):
    """A group whose receiver is to be told, and the book that it is in."""

    book: Book
    group: Group


class Told(NamedTuple):
    """What a receiver was told, and the dead letters for what it refused."""

    book: Book
    telling: Telling
    letters: Sequence[Outgoing]


class _NothingLeftError(Exception):
    """There is nothing to tell any more, which says nothing about whether the receiver answers."""


class Deliveries:
    """A queue of groups for each receiver. What is told is composed anew for each attempt, as things are then.

    `store` is called with what a receiver was told, before it is told anything else. Queues hold a group once at most.
    """

    def __init__(
        self, notifier: Notifier, context: Context, receivers: Sequence[Receiver], store: Callable[[Told], Awaitable[None]]
    ) -> None:
        self._notifier = notifier
        self._context = context
        self._store = store
        self._queues: dict[str, asyncio.Queue[Due | None]] = {receiver.name: asyncio.Queue() for receiver in receivers}
        self._failures = {
            receiver.name: FailureLog(f"{context.counters.role} to {receiver.name}", context.clock) for receiver in receivers
        }
        self.gave_up: RetryableError | None = None

    def put(self, due: Due) -> None:
        """Let a group's receiver be told."""
        self._queues[due.group.receiver].put_nowait(due)

    def close(self) -> None:
        """Let each `serve` return once its queue is empty."""
        for queue in self._queues.values():
            queue.put_nowait(None)

    async def serve(self, receiver: Receiver) -> None:
        """Tell a receiver what is due, until `close`. Once the role is stopping, a failure ends it: `gave_up` is set then.

        Raises FatalError.
        """
        queue = self._queues[receiver.name]
        while (due := await queue.get()) is not None:
            try:
                told = await self._tell(receiver, due)
            except RetryableError as error:
                self.gave_up = error
                return
            except _NothingLeftError:
                _log.debug("nothing is left to be told", role=self._context.counters.role, receiver=receiver.name)
            else:
                await self._store(told)
            due.book.free(due.group)

    async def _tell(self, receiver: Receiver, due: Due) -> Told:
        context = self._context
        return await retrying(
            partial(self._attempt, due), context.counters, context.stopping, context.clock,
            failures=self._failures[receiver.name],
        )  # fmt: skip

    async def _attempt(self, due: Due) -> Told:
        """Tell what there is to tell now. Raises RetryableError, FatalError, and _NothingLeftError if that is nothing."""
        telling = due.book.compose(due.group, self._context.clock.time())
        if telling is None:
            raise _NothingLeftError
        letters: Sequence[Outgoing] = ()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._notifier.send(telling.notification)
        except TimeoutError as error:
            msg = f"it did not answer within {ANSWER_WITHIN:g} s"
            raise RetryableError(msg) from error
        except RefusedError as error:
            letters = self._letters(due.book, telling.notification, error)
        else:
            self._context.counters.sent += 1
        return Told(due.book, telling, letters)

    def _letters(self, book: Book, notification: Notification, error: RefusedError) -> list[Outgoing]:
        """Return dead letters for the news that were refused; a repetition that is refused is counted and logged only."""
        counters, reasons = self._context.counters, error.reasons
        counters.refused += 1
        _log.warning("a receiver refused a notification", role=counters.role, receiver=notification.receiver, error=str(error))
        return [
            self._letter(book, alert, f"{notification.receiver}: {reasons[index]}")
            for index, alert in enumerate(notification.alerts)
            if index in reasons and alert.fingerprint in notification.news
        ]

    def _letter(self, book: Book, alert: Alert, reason: str) -> Outgoing:
        host = alert.labels.get("host", "")  # the key of alerts, by which dead letters are taken to come from a host
        origin = Message(ALERTS, book.partition, NEVER_STORED, self._context.clock.time(), host, encode(alert))
        return dead_letter(origin, InvalidError(WHOLE, reason))
