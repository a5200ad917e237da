"""Feeding a sink: each batch is written, then acknowledged."""

import asyncio
from collections.abc import Mapping
from functools import partial

from virtpulse.errors import PartitionLostError, RefusedError
from virtpulse.logs import get_logger
from virtpulse.runtime.closing import close, closing
from virtpulse.runtime.context import Context
from virtpulse.runtime.following import Following
from virtpulse.runtime.latest import take_latest, unseen
from virtpulse.runtime.reading import Reading
from virtpulse.runtime.refusals import letters_for_stored
from virtpulse.runtime.roles import Sink, SinkSpec
from virtpulse.runtime.skipped import note_skipped
from virtpulse.runtime.storing import store
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Assigned, Batch, Event, Position, Progress, Start, Subscription

_log = get_logger(__name__)


async def feed(spec: SinkSpec, sink: Sink, context: Context, until: Until, ready: asyncio.Event | None = None) -> None:
    """Write the messages of `spec.inputs` to `sink` until it is stopped or drained.

    With a group: what the group has not acknowledged yet, acknowledged once it is written. Without: all that stands on
    `spec.states`, and then what is new, there and on the inputs; or when draining all that is there. `ready` is set once nothing
    that is written from then on is missed. Raises FatalError, and RetryableError if it is stopped while something fails.
    """
    await context.retrying(sink.start)
    try:
        await write_all(spec, sink, context, until, ready or asyncio.Event())
    finally:
        await close(sink, spec.name)


async def write_all(spec: SinkSpec, sink: Sink, context: Context, until: Until, ready: asyncio.Event) -> None:
    """Write to a sink that was started, as `feed` does."""
    if spec.group is None:
        await _follow(context, spec, sink, until, ready)
    else:
        await _subscribe(context, spec, spec.group, sink, until, ready)


async def _follow(context: Context, spec: SinkSpec, sink: Sink, until: Until, ready: asyncio.Event) -> None:
    drains = until is Until.DRAINED
    topics = spec.inputs if drains else (*spec.inputs, *spec.states)  # what stands at the start is all that a drain shows
    start = Start.BEGINNING if drains else Start.NOW
    follower = await context.retrying(partial(context.transport.follow, topics, start))
    ready.set()

    async def write(batch: Batch) -> None:
        reasons = await _write(context, sink, batch)
        context.counters.refused += len(reasons)

    async with closing(follower, f"reading of {spec.name}"):
        stood = await take_latest(context, spec.states, write)
        following = Following(context, follower, topics, spec.batch)
        await following.begin(until)
        while (batch := await following.next()) is not None:
            if len(new := unseen(batch, stood)):
                await write(new)


async def _subscribe(  # noqa: PLR0913, PLR0917 what `feed` has, and the group by itself
    context: Context, spec: SinkSpec, group: str, sink: Sink, until: Until, ready: asyncio.Event
) -> None:
    subscription = await context.retrying(partial(context.transport.subscribe, group, spec.inputs))
    ready.set()
    async with closing(subscription, f"subscription of {group}"):
        reading = Reading(context, subscription, spec.inputs, spec.batch)
        await reading.begin(until)
        while True:
            try:
                event = await reading.next()
                if event is None:
                    return
                await _take(context, subscription, sink, event)
            except PartitionLostError as lost:
                reading.forget(lost.partition)
                context.counters.pending = 0
                _log.warning("partition dropped", role=context.counters.role, partition=lost.partition, reason=str(lost))


async def _take(context: Context, subscription: Subscription, sink: Sink, event: Event) -> None:
    if isinstance(event, Assigned | Batch):
        note_skipped(event, context.counters)
    if not isinstance(event, Batch) or not len(event):
        return
    context.counters.pending = len(event)
    reasons = await _write(context, sink, event)
    letters = letters_for_stored(list(event), reasons, context.counters) if reasons else []
    following = event.positions[-1] + 1
    progress = Progress(event.partition, {event.topic: Position(following, following)})
    await store(context, subscription, letters, progress)
    context.counters.pending = 0


async def _write(context: Context, sink: Sink, batch: Batch) -> Mapping[int, str]:
    """Write the batch for as long as it takes; return why some of its messages were refused, by index."""
    context.counters.received += len(batch)
    reasons: Mapping[int, str] = {}
    try:
        await context.retrying(partial(sink.write, batch))
    except RefusedError as error:
        reasons = error.reasons
        _log.warning("messages were refused", role=context.counters.role, error=str(error))
    context.counters.sent += len(batch) - len(reasons)
    return reasons
