"""Storing outputs and progress as one step, for as long as it takes."""

from collections.abc import Sequence
from functools import partial

from virtpulse.errors import RefusedError
from virtpulse.logs import get_logger
from virtpulse.runtime.context import Context
from virtpulse.runtime.refusals import letters_for_outgoing
from virtpulse.transports.interface import Outgoing, Progress, Subscription

_log = get_logger(__name__)


async def store(context: Context, subscription: Subscription, messages: Sequence[Outgoing], progress: Progress) -> int:
    """Transfer `messages` and `progress`, the same ones again after each failure; what is refused becomes dead letters.

    Returns how many of `messages` were stored. A dead letter can only follow in a step of its own, because the transport has
    stored the others by then. Raises PartitionLostError, FatalError, and RetryableError if the role is stopped meanwhile.
    """
    try:
        await context.retrying(partial(subscription.transfer, messages, progress))
    except RefusedError as error:
        _log.warning("outputs were refused and become dead letters", role=context.counters.role, error=str(error))
        letters = letters_for_outgoing(messages, error.reasons, context.clock.time(), context.counters)
        await _store_letters(context, subscription, letters, progress)
        return len(messages) - len(error.reasons)
    return len(messages)


async def _store_letters(context: Context, subscription: Subscription, letters: Sequence[Outgoing], progress: Progress) -> None:
    try:
        await context.retrying(partial(subscription.transfer, letters, progress))
    except RefusedError as error:
        letters_for_outgoing(letters, error.reasons, context.clock.time(), context.counters)  # which logs that they are lost
