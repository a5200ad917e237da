"""The dead letter: a message that could not be handled, and why."""

import msgspec
from msgspec import UNSET, UnsetType


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
