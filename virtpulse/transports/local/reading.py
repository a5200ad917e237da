"""Reading stored messages back, a bounded piece at a time."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.failures import DamagedRowError
from virtpulse.transports.local.rows import Row, checksum, unpack
from virtpulse.transports.local.schema import TOPIC_SHIFT
from virtpulse.transports.local.transactions import snapshot

READ_MAX_BYTES: Final = 8 << 20
READ_AHEAD_BYTES: Final = 1 << 20
_MESSAGE_BYTES: Final = 128  # what a message costs beyond its value, so that many empty ones are bounded too


class Span(NamedTuple):
    """What the log holds of a topic: its number, its first position, the position after the last, how it is kept."""

    number: int
    first: int
    end: int
    compacted: bool


class Piece(NamedTuple):
    """What one look yields: the messages, and the position to go on from."""

    batch: Batch
    following: int


def span(connection: sqlite3.Connection, topic: str) -> Span:
    """Return what the log holds of a topic; one that nobody wrote to yet is empty."""
    row = connection.execute("SELECT id, first, next, compacted FROM topics WHERE name = ?", (topic,)).fetchone()
    return Span(0, 0, 0, compacted=False) if row is None else Span(row[0], row[1], row[2], bool(row[3]))


def read_first(connection: sqlite3.Connection, places: Sequence[tuple[str, int]], limit: int) -> Piece | None:
    """Return messages of the first of the (topic, position) that has any."""
    for topic, position in places:
        if span(connection, topic).end > position:
            with snapshot(connection):
                piece = read_piece(connection, topic, position, limit)
            if piece.following > position:
                return piece
    return None


def read_piece(connection: sqlite3.Connection, topic: str, position: int, limit: int) -> Piece:
    """Return about `limit` messages from `position` on, more where they are small, fewer where they are large.

    Always at least one if there is one. The caller holds a snapshot.
    """
    held = span(connection, topic)
    if held.compacted:
        return _read_latest(connection, topic, held, position, limit)
    return _read_batches(connection, topic, held, position, limit)


def _read_batches(connection: sqlite3.Connection, topic: str, held: Span, position: int, limit: int) -> Piece:
    skipped = max(held.first - position, 0)
    position += skipped
    low = held.number << TOPIC_SHIFT
    start = connection.execute("SELECT max(at) FROM batches WHERE at BETWEEN ? AND ?", (low, low + position)).fetchone()[0]
    rows = connection.execute(
        "SELECT at, time, count, head, body FROM batches WHERE at >= ? AND at < ? ORDER BY at",
        (low + position if start is None else start, low + held.end),
    )
    times: list[float] = []
    keys: list[str] = []
    values: list[bytes] = []
    size = 0
    for at, time, count, head, body in rows:
        if values and at - low != position + len(values):
            msg = f"the messages of topic {topic!a} from position {position + len(values)} are missing"
            raise DamagedRowError(msg)
        row_keys, row_values = unpack(Row(count, head, body))
        skip = max(0, position - (at - low)) if not values else 0
        keys += row_keys[skip:] if skip else row_keys
        values += row_values[skip:] if skip else row_values
        times += [time] * (count - min(skip, count))
        size += len(body) + _MESSAGE_BYTES * count
        if size >= READ_MAX_BYTES or (len(values) >= limit and size >= READ_AHEAD_BYTES):
            break
    rows.close()
    following = position + len(values) if values else held.end
    batch = Batch(topic, 0, range(position, position + len(values)), times, keys, values, held.end - following, skipped)
    return Piece(batch, following)


def _read_latest(connection: sqlite3.Connection, topic: str, held: Span, position: int, limit: int) -> Piece:
    low = held.number << TOPIC_SHIFT
    rows = connection.execute(
        "SELECT at, time, key, value, checksum FROM latest WHERE at >= ? AND at < ? ORDER BY at", (low + position, low + held.end)
    )
    found, exhausted = _take(rows, limit)
    rows.close()
    positions, times, keys, values = (list(column) for column in zip(*found, strict=True)) if found else ([], [], [], [])
    positions = [at - low for at in positions]
    following = held.end if exhausted else positions[-1] + 1
    return Piece(Batch(topic, 0, positions, times, keys, values, held.end - following), following)


def _take(rows: Iterable[tuple[int, float, str, bytes, int]], limit: int) -> tuple[list[tuple[int, float, str, bytes]], bool]:
    """Return what fits in one look, and whether that was all. Raises DamagedRowError."""
    found: list[tuple[int, float, str, bytes]] = []
    size = 0
    for at, time, key, value, told in rows:
        if found and (size >= READ_MAX_BYTES or (len(found) >= limit and size >= READ_AHEAD_BYTES)):
            return found, False
        if checksum(key.encode(), value) != told:
            msg = f"the value of {key!a} does not have the bytes that were written"
            raise DamagedRowError(msg)
        found.append((at, time, key, value))
        size += len(key) + len(value) + _MESSAGE_BYTES
    return found, True
