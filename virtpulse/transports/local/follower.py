"""A reading of some topics that nobody else sees."""

from collections.abc import Mapping

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.cursors import Cursors
from virtpulse.transports.local.log import Log


class LocalFollower:
    """Reads from given positions on. Calls of `read` must not overlap; a cancelled one loses nothing."""

    def __init__(self, log: Log, starts: Mapping[str, int]) -> None:
        self._notifier = log.notifier
        self._clock = log.clock
        self._cursors = Cursors(log.reader, starts)
        self._closed = False

    async def read(self, limit: int, wait: float) -> Batch | None:
        """Return the next messages of one topic, or None if nothing came within `wait` seconds or it was closed."""
        until = self._clock.monotonic() + wait
        while not self._closed:
            seen = self._notifier.count
            batch = await self._cursors.next(limit)
            if batch is not None:
                return batch
            left = until - self._clock.monotonic()
            if left <= 0:
                return None
            await self._notifier.changed(seen, left)
            if self._notifier.count == seen and self._clock.monotonic() >= until:  # the next call looks in any case
                return None
        return None

    async def close(self) -> None:
        """Stop; a `read` that waits returns None."""
        self._closed = True
        self._notifier.wake()
