"""Running a notifier: what fires is told, what is resolved is told, each once, and whatever fails on the way is made good."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from virtpulse.errors import InvalidError, PartitionLostError
from virtpulse.logs import get_logger
from virtpulse.messages.alert_reading import read_alert
from virtpulse.messages.inhibition import Inhibition
from virtpulse.runtime.closing import close, closing
from virtpulse.runtime.context import Context
from virtpulse.runtime.notifying.book import Book
from virtpulse.runtime.notifying.deliveries import Deliveries, Due, Told
from virtpulse.runtime.notifying.groups import Group, Pace
from virtpulse.runtime.notifying.restoring import restored
from virtpulse.runtime.notifying.states import TOPICS, States
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.runtime.reading import Reading
from virtpulse.runtime.roles import Notifier, NotifierSpec
from virtpulse.runtime.skipped import note_skipped
from virtpulse.runtime.storing import store
from virtpulse.runtime.until import Until
from virtpulse.runtime.waiting import together
from virtpulse.topics import ALERTS
from virtpulse.transports.interface import (
    Assigned,
    Batch,
    Event,
    Message,
    Outgoing,
    Position,
    Progress,
    Revoked,
    Start,
    Subscription,
    Waiting,
)

BATCH: Final = 500
COMMIT_EVERY: Final = 1.0  # seconds; for positions with nothing to tell
PRUNE_EVERY: Final = 30.0  # seconds
LOST_NAMED: Final = 5  # groups
LOST_CHARS: Final = 200  # of each

_log = get_logger(__name__)


async def notify(  # noqa: PLR0913, PLR0917 what `feed` has, and the inhibitions
    spec: NotifierSpec,
    notifier: Notifier,
    inhibitions: Sequence[Inhibition],
    context: Context,
    until: Until,
    ready: asyncio.Event | None = None,
) -> None:
    """Tell the receivers of `spec` what fires and what is resolved, as the group `spec.name`, until it is stopped or drained.

    `ready` is set once nothing that is written from then on is missed. Raises FatalError, and RetryableError if something fails
    while it is stopped; what was not told then is told after the next start.
    """
    await context.retrying(notifier.start)
    try:
        follower = await context.retrying(partial(context.transport.follow, TOPICS, Start.NOW))
        async with closing(follower, f"reading of {spec.name}"):
            states = States(context, follower, inhibitions)
            await states.begin()
            history = await _history(context, spec)
            subscription = await context.retrying(partial(context.transport.subscribe, spec.name, (ALERTS,)))
            async with closing(subscription, f"subscription of {spec.name}"):
                (ready or asyncio.Event()).set()
                await _Runner(spec, notifier, context, states, subscription, history).run(until)
    finally:
        await close(notifier, spec.name)


async def _history(context: Context, spec: NotifierSpec) -> Mapping[int, int]:
    """Return by partition the position before which nothing is told of what was resolved: for a group that is new, the end."""
    if await context.retrying(partial(context.transport.positions, spec.name)):
        return {}
    return {partition: end for (_, partition), end in (await context.ends((ALERTS,))).items()}


class _Runner:
    """Reads for all partitions that this worker owns. What fires is known as far as the alerts topic is read, or further."""

    def __init__(  # noqa: PLR0913, PLR0917 what `notify` has, and what it opened
        self,
        spec: NotifierSpec,
        notifier: Notifier,
        context: Context,
        states: States,
        subscription: Subscription,
        history: Mapping[int, int],
    ) -> None:
        self._spec = spec
        self._context = context
        self._states = states
        self._subscription = subscription
        self._history = history
        self._reading = Reading(context, subscription, (ALERTS,), BATCH)
        self._deliveries = Deliveries(notifier, context, spec.receivers, self._store_told)
        self._books: dict[int, Book] = {}
        self._behind: set[Book] = set()  # not read to the end yet
        self._storing = asyncio.Lock()
        self._stored: dict[Book, Position] = {}
        self._committed = self._pruned = context.clock.monotonic()

    async def run(self, until: Until) -> None:
        await self._reading.begin(until)
        await together(self._read(), *map(self._deliveries.serve, self._spec.receivers))
        await self._commit()
        if self._deliveries.gave_up is not None:
            raise self._deliveries.gave_up

    async def _read(self) -> None:
        while True:
            try:
                event = await self._reading.next()
            except PartitionLostError as lost:
                self._lose(lost)
                continue
            if event is None:
                break
            await self._take(event)
            self._look()
            await self._commit_sometimes()
        self._finish()

    async def _take(self, event: Event) -> None:
        if isinstance(event, Waiting):
            self._catch_up(event)
        await self._refresh()
        match event:
            case Assigned():
                note_skipped(event, self._context.counters)
                await self._assign(event)
            case Revoked(partition):
                self._drop(partition, "another worker owns it now")
            case Batch(partition=partition):
                note_skipped(event, self._context.counters)
                if partition in self._books:
                    await self._take_alerts(self._books[partition], event)

    def _catch_up(self, waiting: Waiting) -> None:
        for book in [book for book in self._behind if book.partition in waiting.owned]:
            self._behind.discard(book)
            if lost := book.caught_up():
                _log.warning(
                    "alerts that were told do not fire any more, and the log does not say how they ended: "
                    "nobody will be told that they are resolved",
                    role=self._spec.name,
                    groups=len(lost),
                    first=[_named(group) for group in lost[:LOST_NAMED]],
                )

    async def _refresh(self) -> None:
        """Know what fires and what is kept back as of now."""
        changes = await self._states.refresh()
        now = self._context.clock.time()
        changed = self._states.muting.look(now)
        for change in changes:
            if change.partition in self._books:
                self._books[change.partition].note(change, now)
        for book in self._books.values() if changed else ():
            book.judge(now)

    async def _assign(self, assigned: Assigned) -> None:
        number = assigned.partition
        self._drop(number, "it was assigned anew")
        start = self._history.get(number, 0)
        first_needed, following = assigned.positions[ALERTS]
        position = Position(max(first_needed, start), max(following, start))
        book, removals = await restored(self._spec, self._context, self._states, number, position)
        self._books[number] = book
        self._behind.add(book)
        await self._store(book, removals)
        _log.info("partition taken", role=self._context.counters.role, partition=number)

    async def _take_alerts(self, book: Book, batch: Batch) -> None:
        counters, letters = self._context.counters, list[Outgoing]()
        for message in batch:
            if message.position < book.read:
                continue  # told by nobody: it was there before the group
            old = message.position < book.following
            book.read = message.position + 1
            try:
                self._take_alert(book, message)
            except InvalidError as error:
                letters += [] if old else [dead_letter(message, error)]
            counters.replayed += old
            counters.received += not old
        if letters:
            counters.refused += len(letters)
            await self._store(book, letters)

    def _take_alert(self, book: Book, message: Message) -> None:
        alert = read_alert(message)
        if alert.status == "firing":
            return  # its state says so, and for how long
        now = self._context.clock.time()
        book.note(self._states.resolve(book.partition, alert), now)
        book.resolve(message, alert, now)

    def _look(self) -> None:
        now = self._context.clock.time()
        for book in self._books.values():
            for group in book.due(now):
                self._deliveries.put(Due(book, group))
        self._count_pending()

    def _finish(self) -> None:
        """Have told what would wait: all of it if the input was drained, else nothing that comes too soon after the last time."""
        now = self._context.clock.time()
        drained = self._reading.drained
        for book in self._books.values():
            for group in book.all_due(now, _at_once if drained else _without_waiting):
                self._deliveries.put(Due(book, group))
        self._deliveries.close()

    async def _commit_sometimes(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._committed >= COMMIT_EVERY:
            self._committed = now
            await self._commit()

    async def _commit(self) -> None:
        now = self._context.clock.monotonic()
        prunes = now - self._pruned >= PRUNE_EVERY
        self._pruned = now if prunes else self._pruned
        for book in list(self._books.values()):
            removals = book.prune(self._context.clock.time()) if prunes else []
            if removals or self._stored.get(book) != book.position():
                await self._store(book, removals)

    async def _store_told(self, told: Told) -> None:
        """Remember what was told, in the same step as how far the partition is."""
        async with self._storing:
            if self._books.get(told.book.partition) is told.book:
                await self._transfer(told.book, [told.book.tell(told.telling, self._context.clock.time()), *told.letters])

    async def _store(self, book: Book, messages: Sequence[Outgoing]) -> None:
        async with self._storing:
            if self._books.get(book.partition) is book:
                await self._transfer(book, messages)

    async def _transfer(self, book: Book, messages: Sequence[Outgoing]) -> None:
        position = book.position()
        try:
            await store(self._context, self._subscription, messages, Progress(book.partition, {ALERTS: position}))
        except PartitionLostError as lost:
            self._lose(lost)
        else:
            self._stored[book] = position
            self._count_pending()

    def _lose(self, lost: PartitionLostError) -> None:
        self._reading.forget(lost.partition)
        self._drop(lost.partition, str(lost))

    def _drop(self, partition: int, reason: str) -> None:
        book = self._books.pop(partition, None)
        if book is not None:
            self._behind.discard(book)
            self._stored.pop(book, None)
            self._count_pending()
            _log.warning("partition dropped", role=self._context.counters.role, partition=partition, reason=reason)

    def _count_pending(self) -> None:
        self._context.counters.pending = sum(book.news for book in self._books.values())


def _named(group: Group) -> str:
    labels = " ".join(f"{name}={value}" for name, value in group.labels.items())
    return f"{group.receiver}: {labels}"[:LOST_CHARS]


def _without_waiting(pace: Pace) -> Pace:
    return pace._replace(wait=0.0)


def _at_once(pace: Pace) -> Pace:
    return pace._replace(wait=0.0, interval=0.0)
