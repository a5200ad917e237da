"""A batch of messages as one row: a head with the lengths and keys, a body with the values end to end.

The head holds, little-endian: a checksum of all the rest (u32), the length of each value (u32), the number of different
keys (u16), the length in bytes of each of these (u16), which of them each message has (u16, left out if there is only
one), and the keys in UTF-8. SQLite itself does not see that bytes of a row have changed.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from virtpulse.transports.local.failures import DamagedRowError

MAX_ROW_MESSAGES: Final = 10_000
MAX_ROW_BYTES: Final = 4 << 20
_CHECKSUM: Final = struct.Struct("<I")


class Row(NamedTuple):
    """One row: how many messages, and the two columns."""

    messages: int
    head: bytes
    body: bytes


def pack(keys: Sequence[str], values: Sequence[bytes]) -> Iterator[Row]:
    """Yield the rows for messages, each within the bounds of a row (a single message may be larger)."""
    lengths = list(map(len, values))
    if len(values) <= MAX_ROW_MESSAGES and sum(lengths) <= MAX_ROW_BYTES:
        yield _pack_row(keys, values, lengths)
        return
    start, size = 0, 0
    for index, length in enumerate(lengths):
        if index > start and (index - start == MAX_ROW_MESSAGES or size + length > MAX_ROW_BYTES):
            yield _pack_row(keys[start:index], values[start:index], lengths[start:index])
            start, size = index, 0
        size += length
    yield _pack_row(keys[start:], values[start:], lengths[start:])


def _pack_row(keys: Sequence[str], values: Sequence[bytes], lengths: Sequence[int]) -> Row:
    distinct = dict.fromkeys(keys)
    encoded = [key.encode() for key in distinct]
    count, different = len(values), len(encoded)
    parts = [struct.pack(f"<{count}IH{different}H", *lengths, different, *map(len, encoded))]
    if different > 1:
        numbers = dict(zip(distinct, range(different), strict=True))
        parts.append(struct.pack(f"<{count}H", *map(numbers.__getitem__, keys)))
    head, body = b"".join([*parts, *encoded]), b"".join(values)
    return Row(count, _CHECKSUM.pack(checksum(head, body)) + head, body)


def checksum(*parts: bytes) -> int:
    """Return the CRC-32 of bytes end to end."""
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return found


def unpack(row: Row) -> tuple[list[str], list[bytes]]:
    """Return the keys and the values of a row. Raises DamagedRowError."""
    count, head, body = row
    try:
        (told,) = _CHECKSUM.unpack_from(head)
        head = head[_CHECKSUM.size :]
        if checksum(head, body) != told:
            msg = "a row does not have the bytes that were written"
            raise DamagedRowError(msg)
        lengths = struct.unpack_from(f"<{count}I", head)
        keys = _unpack_keys(count, head)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        msg = f"the head of a row is wrong: {error}"
        raise DamagedRowError(msg) from error
    ends = list(accumulate(lengths, initial=0))
    if ends[-1] != len(body) or len(keys) != count:
        msg = f"a row holds {len(body)} bytes, its head says {ends[-1]}"
        raise DamagedRowError(msg)
    return keys, [body[start:end] for start, end in pairwise(ends)]


def _unpack_keys(count: int, head: bytes) -> list[str]:
    offset = 4 * count
    (different,) = struct.unpack_from("<H", head, offset)
    sizes = struct.unpack_from(f"<{different}H", head, offset + 2)
    offset += 2 + 2 * different
    if different == 1:
        return [head[offset : offset + sizes[0]].decode()] * count
    numbers = struct.unpack_from(f"<{count}H", head, offset)
    offset += 2 * count
    keys = [head[offset + start : offset + end].decode() for start, end in pairwise(accumulate(sizes, initial=0))]
    return [keys[number] for number in numbers]
