"""Forgetting what is too old or too much, a bounded step at a time, and keeping the write-ahead file small."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from virtpulse.topics import Topic
from virtpulse.transports.local.schema import BUSY_SECONDS, TOPIC_SHIFT
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transactions import writing

STEP_ROWS: Final = 64
STEP_BYTES: Final = 8 << 20
TOMBSTONE_SECONDS: Final = 86_400.0
_STEP_TOMBSTONES: Final = 1_000
_WAL_BYTES: Final = 32 << 20
_CHECKPOINT_WAIT_MS: Final = 100


class Bounds(NamedTuple):
    """What is kept of a topic: seconds and bytes."""

    max_age: float
    max_bytes: int


class _Held(NamedTuple):
    number: int
    name: str
    first: int
    end: int
    bytes: int


def trim(connection: sqlite3.Connection, bounds: Callable[[str], Bounds], now: float) -> bool:
    """Take one step; True if there may be more to do."""
    held = [_Held(*row) for row in connection.execute("SELECT id, name, first, next, bytes FROM topics WHERE compacted = 0")]
    for topic in held:
        if _has_excess(connection, topic, bounds(topic.name), now):
            with writing(connection):
                _trim_topic(connection, topic.number, bounds(topic.name), now)
            return True
    return _forget_tombstones(connection, now)


def shrink_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Empty the write-ahead file if it has grown: readers that never pause keep SQLite from starting it over by itself."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or wal.stat().st_size <= _WAL_BYTES:
        return
    connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")


def bounds_of(topic: Topic, settings: LocalSettings) -> Bounds:
    """Return what is kept of a topic: as is set for it, else for all, else by its own bounds."""
    own = settings.topics.of(topic.name)
    ages = (own.max_age, settings.max_age, topic.max_age)
    sizes = (own.max_bytes, settings.max_bytes, topic.max_bytes)
    return Bounds(next(age for age in ages if age is not None), next(size for size in sizes if size is not None))


def _has_excess(connection: sqlite3.Connection, topic: _Held, bounds: Bounds, now: float) -> bool:
    if topic.first == topic.end:
        return False
    low = topic.number << TOPIC_SHIFT
    oldest = connection.execute(
        "SELECT at, time, count FROM batches WHERE at >= ? AND at < ? ORDER BY at LIMIT 1", (low, low + topic.end)
    ).fetchone()
    if oldest is None:
        return False
    is_newest = oldest[0] - low + oldest[2] >= topic.end
    return oldest[1] < now - bounds.max_age or (topic.bytes > bounds.max_bytes and not is_newest)


def _trim_topic(connection: sqlite3.Connection, number: int, bounds: Bounds, now: float) -> None:
    """Delete the oldest rows; of what is only too much, the newest row stays."""
    end, size = connection.execute("SELECT next, bytes FROM topics WHERE id = ?", (number,)).fetchone()
    low = number << TOPIC_SHIFT
    rows = connection.execute(
        "SELECT at, count, time, length(head) + length(body) FROM batches WHERE at >= ? AND at < ? ORDER BY at LIMIT ?",
        (low, low + end, STEP_ROWS),
    ).fetchall()
    first, removed = None, 0
    for at, count, time, length in rows:
        following = at - low + count
        excess = size - removed > bounds.max_bytes and following < end
        if removed >= STEP_BYTES or not (time < now - bounds.max_age or excess):
            break
        first, removed = following, removed + length
    if first is not None:
        connection.execute("DELETE FROM batches WHERE at >= ? AND at < ?", (low, low + first))
        connection.execute("UPDATE topics SET first = ?, bytes = bytes - ? WHERE id = ?", (first, removed, number))


def _forget_tombstones(connection: sqlite3.Connection, now: float) -> bool:
    """Delete the marks of removed keys that every follower had a day to see."""
    before = now - TOMBSTONE_SECONDS
    old = "SELECT at FROM latest WHERE value = x'' AND time < ? LIMIT ?"
    if connection.execute(old, (before, 1)).fetchone() is None:
        return False
    with writing(connection):
        connection.execute(f"DELETE FROM latest WHERE at IN ({old})", (before, _STEP_TOMBSTONES))  # noqa: S608 - constant text
    return True
