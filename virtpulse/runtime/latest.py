"""What stands on compacted topics, before what is new."""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from virtpulse.runtime.closing import closing_generator
from virtpulse.runtime.context import Context
from virtpulse.transports.interface import Batch

Take = Callable[[Batch], Awaitable[None]]
Place = tuple[str, int]  # topic and partition


async def take_latest(context: Context, topics: Sequence[str], take: Take) -> Mapping[Place, int]:
    """Hand the latest message of each key of compacted topics to `take`, those of all partitions.

    Where reading fails it begins that partition again. Returns for each topic and partition the position before which nothing is
    new to `take` any more. Raises FatalError, and RetryableError if the role is stopped while something fails.
    """
    ends = await context.ends(topics)
    return {place: await context.retrying(partial(_take_of, context, place, take)) for place in ends}


async def _take_of(context: Context, place: Place, take: Take) -> int:
    until = 0
    async with closing_generator(context.transport.latest(*place), f"latest of {place[0]}") as batches:
        async for batch in batches:
            if batch.positions:
                until = max(until, batch.positions[-1] + 1)
            await take(batch)
    return until


def unseen(batch: Batch, taken: Mapping[Place, int]) -> Batch:
    """Return what of `batch` lies behind `taken`, as `take_latest` returned it, so that nobody goes back to what was before."""
    seen = bisect_left(batch.positions, taken.get((batch.topic, batch.partition), 0))
    return batch.slice(seen, len(batch)) if seen else batch
