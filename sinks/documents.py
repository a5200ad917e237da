"""The documents of a batch, each as one line of JSON, byte for byte as they stand in their message."""

from typing import Final, NamedTuple

import msgspec

from virtpulse.errors import InvalidError
from virtpulse.messages.reading import lines
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Batch

_ANY: Final = msgspec.json.Decoder(msgspec.Raw)


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
            documents = lines(value, MAX_MESSAGE_BYTES)
            for document in documents:
                _ANY.decode(document)
        except InvalidError as error:
            found.refused[index] = error.reason
        except (msgspec.DecodeError, RecursionError) as error:
            found.refused[index] = f"message must be JSON: {error}"
        else:
            found.lines.extend(documents)
            found.indexes.extend([index] * len(documents))
    return found
