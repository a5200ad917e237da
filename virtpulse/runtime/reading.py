"""Reading as a group, with everything around it: retry, when to end, and whose the partitions are."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from virtpulse.logs import get_logger
from virtpulse.runtime.context import Context
from virtpulse.runtime.extent import Extent
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Assigned, Batch, Event, Revoked, Subscription, Waiting

FRESH: Final = 1.0  # seconds for which a look at the end of a partition says that it was read to its end

_log = get_logger(__name__)


class Reading:
    """A subscription's events until the role is over.

    Until STOPPED: after the stop it reads on to the end of what was there then, for a moment. Until DRAINED: to the end of
    what was there when it began, in every partition, which may mean to wait for another worker to leave.
    """

    def __init__(self, context: Context, subscription: Subscription, topics: Sequence[str], limit: int) -> None:
        self._context = context
        self._read = partial(subscription.read, limit)
        self._extent = Extent(context, topics)
        self._owned: set[int] = set()
        self._logged_waiting = False
        self._looked = context.clock.monotonic()

    async def begin(self, until: Until) -> None:
        """Find out how far to read. Raises FatalError, and RetryableError if it is stopped while that fails."""
        await self._extent.begin(until)

    @property
    def drained(self) -> bool:
        """Whether all that was to be read was read, and nobody asked to stop before that."""
        return self._extent.drained

    async def next(self) -> Event | None:
        """Return the next event, or None at the end. Raises PartitionLostError, FatalError, and RetryableError once stopped."""
        if self._extent.to_be_stopped:
            await self._extent.stop()
            self._extent.keep(self._owned)
        if self._extent.over:
            return None
        event = await self._extent.read(self._read)
        self._looked = self._context.clock.monotonic()
        match event:
            case Assigned(partition, positions):
                await self._extent.start(partition, positions)
                self._owned.add(partition)
            case Revoked(partition):
                self.forget(partition)
            case Waiting(owned):
                self._wait(owned)
            case Batch(partition=partition):
                return self._extent.note(event) if partition in self._owned else event.slice(0, 0)
        return event

    def forget(self, partition: int) -> None:
        """Leave a partition that is no longer ours."""
        self._owned.discard(partition)
        self._extent.forget(partition)

    def at_end(self, partition: int) -> bool:
        """Whether the last look at each topic of the partition, a moment ago, found nothing that waits."""
        return self._context.clock.monotonic() - self._looked <= FRESH and not self._extent.waits(partition)

    def _wait(self, owned: Sequence[int]) -> None:
        if not owned and not self._logged_waiting:
            self._logged_waiting = True
            _log.info("waiting: other workers of the group own all partitions", role=self._context.counters.role)
        self._extent.all_read(owned)
