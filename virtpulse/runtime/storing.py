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
    """Transfer `messages` and `progress`; the same ones again after each failure, dead letters in place of refused ones.

    Returns how many messages were stored. Raises PartitionLostError, FatalError, and RetryableError if the role is stopped
    while it fails.
    """
    left = messages
    while True:
        try:
            await context.retrying(partial(subscription.transfer, left, progress))
        except RefusedError as error:
            left = _without_refused(context, left, error)
        else:
            return len(left)


def _without_refused(context: Context, messages: Sequence[Outgoing], error: RefusedError) -> Sequence[Outgoing]:
    taken = [message for index, message in enumerate(messages) if index not in error.reasons]
    if len(taken) == len(messages):
        raise error  # it names none of ours: without progress this would go on for ever
    _log.warning("outputs were refused and become dead letters", role=context.counters.role, error=str(error))
    return taken + letters_for_outgoing(messages, error.reasons, context.clock.time(), context.counters)
