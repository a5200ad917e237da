"""Dead letters for messages that a transport or a sink will never take."""

from collections.abc import Mapping, Sequence

from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.bounds import MAX_SOURCE_CHARS
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.topics import DEADLETTERS
from virtpulse.transports.interface import Message, Outgoing

NEVER_STORED = -1  # the position of a message that no log took

_log = get_logger(__name__)


def letters_for_outgoing(
    messages: Sequence[Outgoing], reasons: Mapping[int, str], time: float, counters: Counters
) -> list[Outgoing]:
    """Return dead letters for those of `messages` that a transport refused, `time` in seconds since the epoch.

    A dead letter that is refused itself is logged and let go.
    """
    letters = []
    for index, reason in sorted(reasons.items()):
        refused = messages[index]
        partition = NEVER_STORED if refused.partition is None else refused.partition
        key = refused.key if len(refused.key) <= MAX_SOURCE_CHARS else ""
        origin = Message(refused.topic, partition, NEVER_STORED, time, key, refused.value)
        letters += [letter._replace(partition=refused.partition) for letter in _letter(origin, reason, counters)]
    return letters


def letters_for_stored(messages: Sequence[Message], reasons: Mapping[int, str], counters: Counters) -> list[Outgoing]:
    """Return dead letters for those of `messages` that a sink refused; refused dead letters are logged and let go."""
    return [letter for index, reason in sorted(reasons.items()) for letter in _letter(messages[index], reason, counters)]


def _letter(origin: Message, reason: str, counters: Counters) -> list[Outgoing]:
    counters.refused += 1
    if origin.topic == DEADLETTERS:
        _log.error("a dead letter was refused and is lost", role=counters.role, reason=reason, position=origin.position)
        return []
    return [dead_letter(origin, InvalidError("message", reason))]
