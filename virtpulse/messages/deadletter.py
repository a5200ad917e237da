"""The dead letter: a message that could not be handled, and why."""

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import DEAD_LETTER_BYTES
from virtpulse.messages.codec import encode
from virtpulse.topics import DEADLETTERS
from virtpulse.transports.interface import Message, Outgoing


class DeadLetter(msgspec.Struct, gc=False, kw_only=True):
    r"""Why a document was refused, where it came from, and its beginning.

    field: the field that is wrong, `message` where it is the whole. index: which document of the message's array.
    message: the first 1,000 bytes of the document, bytes that are not UTF-8 as `\\xNN`.
    """

    reason: str
    field: str
    topic: str
    partition: int
    position: int
    time: float
    message: str
    index: int | UnsetType = UNSET


def dead_letter(origin: Message, error: InvalidError, *, index: int | None = None, value: bytes | None = None) -> Outgoing:
    """Return the dead letter for `origin`, or for the document `value` with number `index` of its array."""
    content = origin.value if value is None else value
    letter = DeadLetter(
        reason=error.reason,
        field=error.field,
        topic=origin.topic,
        partition=origin.partition,
        position=origin.position,
        time=origin.time,
        index=UNSET if index is None else index,
        message=bytes(content[:DEAD_LETTER_BYTES]).decode("utf-8", "backslashreplace"),
    )
    return Outgoing(DEADLETTERS, origin.key, encode(letter), origin.partition)
