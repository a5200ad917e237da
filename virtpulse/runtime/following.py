"""Following topics without a group, with everything around it: retry, and when to end."""

from collections.abc import Sequence
from functools import partial

from virtpulse.runtime.context import Context
from virtpulse.runtime.extent import Extent
from virtpulse.runtime.skipped import note_skipped
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Batch, Follower


class Following:
    """A follower's batches until the role is over; after a stop to the end of what was there then, as with `Reading`."""

    def __init__(self, context: Context, follower: Follower, topics: Sequence[str], limit: int) -> None:
        self._read = partial(follower.read, limit)
        self._counters = context.counters
        self._extent = Extent(context, topics)

    async def begin(self, until: Until) -> None:
        """Find out how far to read. Raises FatalError, and RetryableError if it is stopped while that fails."""
        await self._extent.begin(until)

    async def next(self) -> Batch | None:
        """Return the next batch, or None at the end. Raises FatalError, and RetryableError once it is stopped."""
        while True:
            if self._extent.to_be_stopped:
                await self._extent.stop()
            if self._extent.over:
                return None
            batch = await self._extent.read(self._read)
            if batch is None:
                self._extent.all_read()
                continue
            note_skipped(batch, self._counters)
            if len(taken := self._extent.note(batch)):
                return taken
