"""Following topics without a group, with everything around it: retry, when to end, and how far is to be read before that."""

import asyncio
from collections.abc import Sequence
from functools import partial

from virtpulse.runtime.context import Context
from virtpulse.runtime.goal import Goal, Place
from virtpulse.runtime.reading import LAST_READING, LAST_WAIT, WAIT
from virtpulse.runtime.skipped import note_skipped
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Batch, Follower


class Following:
    """A follower's batches until the role is over; after a stop to the end of what was there then, as with `Reading`."""

    def __init__(self, context: Context, follower: Follower, topics: Sequence[str], limit: int) -> None:
        self._context = context
        self._follower = follower
        self._topics = topics
        self._limit = limit
        self._next: dict[Place, int] = {}
        self._behind: dict[Place, int] = {}
        self._goal: Goal | None = None
        self._read_until: float | None = None  # by the clock; set once the role is told to stop

    async def begin(self, until: Until) -> None:
        """Find out how far to read. Raises FatalError, and RetryableError if it is stopped while that fails."""
        if until is Until.DRAINED:
            await self._aim()

    async def next(self) -> Batch | None:
        """Return the next batch, or None at the end. Raises FatalError, and RetryableError once it is stopped."""
        while True:
            if self._context.stopping.is_set() and self._read_until is None:
                self._read_until = self._context.clock.monotonic() + LAST_READING
                await self._aim()
            if self._over():
                return None
            wait = WAIT if self._read_until is None else LAST_WAIT
            await asyncio.sleep(0)  # as with `Reading`
            batch = await self._context.retrying(partial(self._follower.read, self._limit, wait))
            if batch is None:
                self._all_read()
            elif len(taken := self._noted(batch)):
                return taken

    async def _aim(self) -> None:
        ends = await self._context.ends(self._topics)
        self._goal = Goal({place: end for place, end in ends.items() if end > self._next.get(place, 0)})

    def _over(self) -> bool:
        if self._read_until is not None and self._context.clock.monotonic() >= self._read_until:
            return True
        return self._goal is not None and self._goal.reached()

    def _all_read(self) -> None:
        self._behind.clear()
        self._context.counters.lag = 0
        if self._goal is not None:
            self._goal.all_read()

    def _noted(self, batch: Batch) -> Batch:
        note_skipped(batch, self._context.counters)
        place = batch.topic, batch.partition
        if self._goal is not None:
            batch = self._goal.cut(batch)
        if batch.positions:
            self._next[place] = batch.positions[-1] + 1
        self._behind[place] = batch.remaining
        self._context.counters.lag = sum(self._behind.values())
        return batch
