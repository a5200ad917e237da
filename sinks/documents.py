"""The documents of a batch, each as one line of JSON, byte for byte as they stand in their message."""

from typing import Final, NamedTuple

import msgspec

from virtpulse.errors import InvalidError
from virtpulse.messages.reading import WHOLE, documents
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Batch

_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")  # in JSON a line end can only stand between tokens


class Documents(NamedTuple):
    """What a batch holds.

    lines: the documents, without line ends. indexes: for each the index of its message in the batch.
    refused: index of a message that is not JSON, or breaks a bound, to the reason.
    """

    lines: list[bytes]
    indexes: list[int]
    refused: dict[int, str]


def split(batch: Batch) -> Documents:
    """Return the documents of all messages of the batch, in order; a message with an empty value holds none."""
    found = Documents([], [], {})
    for index, value in enumerate(batch.values):
        try:
            lines = [_line(document) for document in documents(value, MAX_MESSAGE_BYTES)] if value else []
        except InvalidError as error:
            found.refused[index] = error.reason
            continue
        found.lines.extend(lines)
        found.indexes.extend([index] * len(lines))
    return found


def _line(document: bytes) -> bytes:
    try:
        _ANY.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = f"message must be JSON: {error}"
        raise InvalidError(WHOLE, reason) from None
    return document.strip(b" \t\r\n").translate(_ONE_LINE)
