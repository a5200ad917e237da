"""What every role is run with."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from virtpulse.clock import Clock
from virtpulse.runtime.backoff import retrying
from virtpulse.runtime.counters import Counters
from virtpulse.transports.interface import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """The transport, the role's counters, the event that stops it, and its clock."""

    transport: Transport
    counters: Counters
    stopping: asyncio.Event
    clock: Clock

    async def retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works. Raises what is not a RetryableError, and that too once the role is stopping."""
        return await retrying(call, self.counters, self.stopping, self.clock)

    async def ends(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return by topic and partition the position that the next message will get; retries."""
        found: dict[tuple[str, int], int] = {}
        for topic in topics:
            ends = await self.retrying(partial(self.transport.ends, topic))
            found.update({(topic, partition): end for partition, end in ends.items()})
        return found
