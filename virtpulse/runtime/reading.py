"""Reading as a group, with everything around it: retry, when to end, and how far is to be read before that."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from virtpulse.logs import get_logger
from virtpulse.runtime.context import Context
from virtpulse.runtime.goal import Goal, Place
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Assigned, Batch, Event, Revoked, Subscription, Waiting

WAIT: Final = 0.25  # seconds that a read may take; also how soon a stop is seen
LAST_WAIT: Final = 0.05  # the same once the role is told to stop
LAST_READING: Final = 1.0  # seconds that a role reads on after it is told to stop
FRESH: Final = 1.0  # seconds for which a look at the end of a partition says that it was read to its end

_log = get_logger(__name__)


class Reading:
    """A subscription's events until the role is over.

    Until STOPPED: after the stop it reads on to the end of what was there then, for at most LAST_READING. Until DRAINED:
    to the end of what was there when it began, in every partition, which may mean to wait for another worker to leave.
    """

    def __init__(self, context: Context, subscription: Subscription, topics: Sequence[str], limit: int) -> None:
        self._context = context
        self._subscription = subscription
        self._topics = topics
        self._limit = limit
        self._next: dict[Place, int] = {}  # of each partition that is ours
        self._behind: dict[Place, int] = {}  # what waited there at the last look
        self._goal: Goal | None = None
        self._read_until: float | None = None  # by the clock; set once the role is told to stop
        self._said_waiting = False
        self._looked = context.clock.monotonic()

    async def begin(self, until: Until) -> None:
        """Find out how far to read. Raises FatalError, and RetryableError if it is stopped while that fails."""
        if until is Until.DRAINED:
            self._goal = Goal(await self._context.ends(self._topics))

    @property
    def drained(self) -> bool:
        """Whether all that was to be read was read, and nobody asked to stop before that."""
        return self._read_until is None and self._goal is not None and self._goal.reached()

    async def next(self) -> Event | None:
        """Return the next event, or None at the end. Raises PartitionLostError, FatalError, and RetryableError once stopped."""
        if self._context.stopping.is_set() and self._read_until is None and not self.drained:
            await self._stop()
        if self._over():
            return None
        wait = WAIT if self._read_until is None else LAST_WAIT
        await asyncio.sleep(0)  # a transport that has read ahead may never wait, and signals would never be seen
        event = await self._context.retrying(partial(self._subscription.read, self._limit, wait))
        self._looked = self._context.clock.monotonic()
        match event:
            case Assigned():
                await self._assigned(event)
            case Revoked(partition):
                self.forget(partition)
            case Waiting(owned):
                self._all_read(owned)
            case Batch():
                return self._batch(event)
        return event

    def forget(self, partition: int) -> None:
        """Take note that the partition is no longer ours."""
        for topic in self._topics:
            self._next.pop((topic, partition), None)
            self._behind.pop((topic, partition), None)
        self._count_lag()
        if self._goal is None:
            return
        if self._read_until is None:
            self._goal.reopen(partition)
        else:
            self._goal.all_read([partition])

    def at_end(self, partition: int) -> bool:
        """Whether the last look at each topic of the partition, a moment ago, found nothing that waits."""
        if self._context.clock.monotonic() - self._looked > FRESH:
            return False
        return all(self._behind.get((topic, partition)) == 0 for topic in self._topics)

    def _over(self) -> bool:
        if self._read_until is not None and self._context.clock.monotonic() >= self._read_until:
            return True
        return self._goal is not None and self._goal.reached()

    async def _stop(self) -> None:
        self._read_until = self._context.clock.monotonic() + LAST_READING
        ends = await self._context.ends(self._topics)
        self._goal = Goal({place: ends[place] for place, at in self._next.items() if ends.get(place, 0) > at})

    async def _assigned(self, event: Assigned) -> None:
        starts: Mapping[Place, int] = {
            (topic, event.partition): at.first_needed for topic, at in event.positions.items() if topic in self._topics
        }
        ends = await self._context.ends(self._topics)
        self._next.update(starts)
        self._behind.update({place: max(ends.get(place, 0) - start, 0) for place, start in starts.items()})
        self._count_lag()
        if self._goal is not None:
            self._goal.start(event.partition, event.positions)

    def _all_read(self, owned: Sequence[int]) -> None:
        if not owned and not self._said_waiting:
            self._said_waiting = True
            _log.info("waiting: other workers of the group own all partitions", role=self._context.counters.role)
        self._behind.update({place: 0 for place in self._next if place[1] in owned})
        self._count_lag()
        if self._goal is not None:
            self._goal.all_read(owned)

    def _batch(self, batch: Batch) -> Batch:
        place = batch.topic, batch.partition
        if place not in self._next:
            return batch.slice(0, 0)
        if self._goal is not None:
            batch = self._goal.cut(batch)
        if batch.positions:
            self._next[place] = batch.positions[-1] + 1
        self._behind[place] = batch.remaining
        self._count_lag()
        return batch

    def _count_lag(self) -> None:
        self._context.counters.lag = sum(self._behind.values())
