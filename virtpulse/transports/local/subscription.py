"""A group's reading of some topics, as seen by one member."""

import asyncio
import secrets
from collections.abc import Sequence

from virtpulse.errors import PartitionLostError, RetryableError
from virtpulse.transports.interface import Assigned, Event, Outgoing, Progress, Revoked, Waiting
from virtpulse.transports.local.cursors import Cursors
from virtpulse.transports.local.leases import LEASE_SECONDS, RENEW_SECONDS, Member, Ownership, acquire, release, renew
from virtpulse.transports.local.log import Log
from virtpulse.transports.local.processes import this_process

_ATTEMPT_SECONDS = 0.5  # how often a member that waits for ownership looks whether the owner is still there


class LocalSubscription:
    """Waits to become the group's owner, reads while it is, and is told when it is not any more.

    Calls of `read` must not overlap; a cancelled one loses nothing. A cancelled `transfer` returns when it is certain what
    became of it, which the group's positions tell, or after two seconds where the disk does not answer.
    """

    def __init__(self, log: Log, group: str, topics: Sequence[str]) -> None:
        self._writer, self._reader, self._notifier, self._clock = log
        self._topics = tuple(dict.fromkeys(topics))
        self._member = Member(group, secrets.token_hex(8), this_process())
        self._ownership: Ownership | None = None
        self._cursors = Cursors(self._reader, {})
        self._confirmed = 0.0
        self._lost = False
        self._failure: Exception | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._closed = False

    async def read(self, limit: int, wait: float) -> Event:
        """Return the next event: at most `limit` messages, after at most `wait` seconds. Raises RetryableError or FatalError."""
        until = self._clock.monotonic() + wait
        while not self._closed:
            seen = self._notifier.count
            event = await self._next(limit)
            if event is not None:
                return event
            left = until - self._clock.monotonic()
            if left <= 0:
                break
            await self._notifier.changed(seen, left if self._ownership else min(left, _ATTEMPT_SECONDS))
            if self._notifier.count == seen and self._clock.monotonic() >= until:  # the next call looks in any case
                break
        return Waiting((0,) if self._ownership and not self._closed else ())

    async def transfer(self, messages: Sequence[Outgoing], progress: Progress) -> None:
        """Publish `messages` and acknowledge `progress` in one transaction.

        Raises PartitionLostError, RetryableError, FatalError or RefusedError: nothing was stored then.
        """
        if self._failure is not None:
            raise self._failure
        ownership = self._ownership
        if ownership is None or progress.partition != 0:
            raise PartitionLostError(progress.partition, "this worker is not its owner")
        try:
            await self._writer.transfer(messages, progress.positions, self._member, ownership.generation)
        except PartitionLostError:
            self._lost = self._ownership is ownership
            raise

    async def close(self) -> None:
        """Give the partition back at once; a `read` that waits returns."""
        if self._closed:
            return
        self._closed = True
        self._notifier.wake()
        async with self._changing:
            await self._drop()
            try:
                await self._writer.run_and_notify(release, self._member)
            except RetryableError:  # it runs out by itself
                return

    async def _next(self, limit: int) -> Event | None:
        if self._failure is not None:
            raise self._failure
        if self._ownership is None:
            return await self._try_to_own()
        if self._clock.monotonic() - self._confirmed > LEASE_SECONDS:  # this process was paused
            await self._renew(self._ownership)
        if self._lost:
            await self._drop()
            return Revoked(0)
        return await self._cursors.next(limit)

    async def _try_to_own(self) -> Assigned | None:
        async with self._changing:
            if self._closed:
                return None
            now = self._clock.monotonic()
            ownership = await self._writer.run(acquire, self._member, self._topics, now)
            if ownership is None:
                return None
            self._ownership, self._lost, self._confirmed = ownership, False, now
            self._cursors = Cursors(self._reader, {topic: at.first_needed for topic, at in ownership.positions.items()})
            self._renewal = asyncio.create_task(self._keep_renewing(ownership), name=f"lease of {self._member.group}")
            return Assigned(0, ownership.positions, ownership.skipped)

    async def _keep_renewing(self, ownership: Ownership) -> None:
        while not self._lost:
            await self._clock.sleep(RENEW_SECONDS)
            try:
                await self._renew(ownership)
            except RetryableError:  # the generation decides who may write, so being late is harmless
                continue
            except Exception as error:  # noqa: BLE001 - the next read or transfer raises it
                self._failure = error
                self._lost = True
        self._notifier.wake()

    async def _renew(self, ownership: Ownership) -> None:
        now = self._clock.monotonic()
        kept = await self._writer.run(renew, self._member, ownership.generation, now)
        if self._ownership is ownership:
            self._lost = self._lost or not kept
            self._confirmed = now

    async def _drop(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
            self._renewal = None
        self._ownership = None
        self._cursors = Cursors(self._reader, {})
