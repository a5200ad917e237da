"""Where a follower begins."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from virtpulse.transports.interface import Start
from virtpulse.transports.local.reading import Span, span
from virtpulse.transports.local.schema import TOPIC_SHIFT
from virtpulse.transports.local.transactions import snapshot

_LOOK_BACK: Final = 1_000  # rows before the one that was found, of which each is looked at


class _Row(NamedTuple):
    """A row's first position, the position after it, and when the log took it in."""

    first: int
    following: int
    time: float


def start_positions(connection: sqlite3.Connection, topics: Sequence[str], start: Start | float) -> dict[str, int]:
    """Return the position to begin at, by topic; a moment is seconds since the epoch."""
    with snapshot(connection):
        return {topic: _position(connection, span(connection, topic), start) for topic in topics}


def _position(connection: sqlite3.Connection, held: Span, start: Start | float) -> int:
    match start:
        case Start.BEGINNING:
            return held.first
        case Start.NOW:
            return held.end
        case _:
            return _look_back(connection, held, _search(connection, held, start), start)


def _search(connection: sqlite3.Connection, held: Span, moment: float) -> int:
    """Return a position before which the log took its message in before `moment`, and from which not.

    It halves what is left with each row that it looks at. Where the clock jumped back there may be several such positions.
    """
    low, high = held.first, held.end
    while low < high:
        middle = (low + high) // 2
        row = _row_from(connection, held, middle)
        if row is None or row.first >= high:  # nothing but what was replaced lies between
            high = middle
        elif row.time < moment:
            low = row.following
        else:
            high = min(max(row.first, low), middle)
    return low


def _look_back(connection: sqlite3.Connection, held: Span, position: int, moment: float) -> int:
    """Return the first position of those shortly before that was taken in at `moment` or later: the clock may have jumped."""
    low = held.number << TOPIC_SHIFT
    earliest = connection.execute(
        f"SELECT min(at) FROM (SELECT at, time FROM {_table(held)} WHERE at >= ? AND at < ? ORDER BY at DESC LIMIT ?)"  # noqa: S608 - constant text
        " WHERE time >= ?",
        (low + held.first, low + position, _LOOK_BACK, moment),
    ).fetchone()[0]
    return position if earliest is None else earliest - low


def _row_from(connection: sqlite3.Connection, held: Span, position: int) -> _Row | None:
    """Return the row that holds the message at `position` or, of a compacted topic, the next one that is left."""
    low = held.number << TOPIC_SHIFT
    if held.compacted:
        found = connection.execute(
            "SELECT at, 1, time FROM latest WHERE at >= ? AND at < ? ORDER BY at LIMIT 1", (low + position, low + held.end)
        ).fetchone()
    else:
        found = connection.execute(
            "SELECT at, count, time FROM batches WHERE at >= ? AND at <= ? ORDER BY at DESC LIMIT 1",
            (low + held.first, low + position),
        ).fetchone()
    return None if found is None else _Row(found[0] - low, found[0] - low + found[1], found[2])


def _table(held: Span) -> str:
    return "latest" if held.compacted else "batches"
