"""Storing outputs and progress as one step, for as long as it takes."""

from collections.abc import Mapping, Sequence
from functools import partial

from virtpulse.errors import RefusedError
from virtpulse.logs import get_logger
from virtpulse.runtime.context import Context
from virtpulse.runtime.refusals import letters_for_outgoing
from virtpulse.transports.interface import Outgoing, Progress, Subscription

_log = get_logger(__name__)


async def store(context: Context, subscription: Subscription, messages: Sequence[Outgoing], progress: Progress) -> int:
    """Transfer `messages` and `progress`, again after each failure; what is refused is replaced by its dead letter.

    A dead letter that is refused itself is left out, which the log says, so this ends. Returns how many of `messages` were
    stored. Raises PartitionLostError, FatalError, and RetryableError if the role is stopped meanwhile.
    """
    kept, letters = list(messages), list[Outgoing]()
    while True:
        outgoing = [*kept, *letters]
        try:
            await context.retrying(partial(subscription.transfer, outgoing, progress))
        except RefusedError as error:
            _log.warning("outputs were refused and become dead letters", role=context.counters.role, error=str(error))
            made = letters_for_outgoing(outgoing, error.reasons, context.clock.time(), context.counters)
            letters = [*_without(error.reasons, letters, len(kept)), *made]
            kept = _without(error.reasons, kept)
        else:
            return len(kept)


def _without(reasons: Mapping[int, str], messages: Sequence[Outgoing], first: int = 0) -> list[Outgoing]:
    return [message for index, message in enumerate(messages, first) if index not in reasons]
