"""Taking messages in: what is refused, and how the rest is stored."""

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import count, repeat
from typing import Final, NamedTuple

from virtpulse.errors import FatalError
from virtpulse.topics import Topic
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Outgoing
from virtpulse.transports.local.rows import checksum, pack
from virtpulse.transports.local.schema import TOPIC_SHIFT

MAX_NAME_CHARS: Final = 249  # what Kafka allows a topic
MAX_KEY_BYTES: Final = 8_192
_MAX_BYTES_A_CHAR: Final = 4


class Accepted(NamedTuple):
    """The messages of one topic that can be stored, in their order, as columns."""

    topic: str
    keys: Sequence[str]
    values: Sequence[bytes]


def validate(messages: Sequence[Outgoing]) -> tuple[list[Accepted], dict[int, str]]:
    """Return the good messages by topic, and why the others are refused, by index."""
    if not messages:
        return [], {}
    names, keys, values, partitions = zip(*messages, strict=True)
    topics = dict.fromkeys(names)
    sound = (
        max(map(len, values)) <= MAX_MESSAGE_BYTES
        and set(partitions) <= {None, 0}
        and not any(map(name_fault, topics))
        and max(map(len, keys)) <= MAX_KEY_BYTES // _MAX_BYTES_A_CHAR
        and _text_fault("".join(keys)) is None
    )
    if sound and len(topics) == 1:
        return [Accepted(names[0], keys, values)], {}
    return _validate_each(messages)


def _validate_each(messages: Sequence[Outgoing]) -> tuple[list[Accepted], dict[int, str]]:
    columns: dict[str, tuple[list[str], list[bytes]]] = {}
    reasons: dict[int, str] = {}
    for index, message in enumerate(messages):
        fault = _fault(message)
        if fault is not None:
            reasons[index] = fault
            continue
        keys, values = columns.setdefault(message.topic, ([], []))
        keys.append(message.key)
        values.append(message.value)
    return [Accepted(topic, keys, values) for topic, (keys, values) in columns.items()], reasons


def _fault(message: Outgoing) -> str | None:
    if len(message.value) > MAX_MESSAGE_BYTES:
        return f"the message has {len(message.value)} bytes, the largest allowed is {MAX_MESSAGE_BYTES}"
    if message.partition not in {None, 0}:
        return f"partition {message.partition} does not exist: a local log has partition 0 only"
    return name_fault(message.topic) or _key_fault(message.key)


def name_fault(name: str) -> str | None:
    """Return why `name` cannot name a topic or a group, None if it can."""
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        return f"a name of {len(name)} characters is not allowed, it must have 1 to {MAX_NAME_CHARS}"
    return _text_fault(name)


def _key_fault(key: str) -> str | None:
    fault = _text_fault(key)
    if fault is None and len(key.encode()) > MAX_KEY_BYTES:
        return f"the key has {len(key.encode())} bytes, the largest allowed is {MAX_KEY_BYTES}"
    return fault


def _text_fault(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{text!a} is not valid Unicode"
    return None


def append(connection: sqlite3.Connection, accepted: Accepted, now: float, topics: Mapping[str, Topic]) -> None:
    """Store the messages at the end of their topic; the caller holds the transaction."""
    compacted = topics.get(accepted.topic, Topic(accepted.topic)).compacted
    rows = [] if compacted else list(pack(accepted.keys, accepted.values))
    size = sum(len(row.head) + len(row.body) for row in rows)
    number, following = _reserve(connection, accepted, compacted, size)
    first = (number << TOPIC_SHIFT) + following - len(accepted.values)
    if compacted:
        checksums = (checksum(key.encode(), value) for key, value in zip(accepted.keys, accepted.values, strict=True))
        connection.executemany(
            "REPLACE INTO latest (at, topic, key, time, value, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            zip(count(first), repeat(number), accepted.keys, repeat(now), accepted.values, checksums, strict=False),
        )
    for row in rows:
        connection.execute("INSERT INTO batches (at, time, count, head, body) VALUES (?, ?, ?, ?, ?)", (first, now, *row))
        first += row.messages


def _reserve(connection: sqlite3.Connection, accepted: Accepted, compacted: bool, size: int) -> tuple[int, int]:  # noqa: FBT001 - a property of the topic
    """Return the topic's number and the position behind the messages."""
    topic, messages = accepted.topic, len(accepted.values)
    row = connection.execute(
        "UPDATE topics SET next = next + ?, bytes = bytes + ? WHERE name = ? RETURNING id, next, compacted",
        (messages, size, topic),
    ).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO topics (name, compacted, next, bytes) VALUES (?, ?, ?, ?) RETURNING id, next, compacted",
            (topic, compacted, messages, size),
        ).fetchone()
    if bool(row[2]) != compacted:
        msg = (
            f'the topic "{topic}" of this log is {"" if row[2] else "not "}compacted, as an earlier version had it: use a new log'
        )
        raise FatalError(msg)
    return row[0], row[1]
