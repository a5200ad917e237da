"""Who owns the partition for a group: one row a group, with a generation that fences every earlier owner.

A lease is renewed every second and runs out LEASE_SECONDS after the last renewal by the machine's steady clock, which all
processes of a machine share; one whose process has ended is free at once. Being late with the renewal loses nothing
as long as nobody else has taken the lease.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from virtpulse.errors import PartitionLostError
from virtpulse.transports.interface import Position
from virtpulse.transports.local.processes import is_gone
from virtpulse.transports.local.reading import span
from virtpulse.transports.local.transactions import writing_lightly

LEASE_SECONDS: Final = 3.5
RENEW_SECONDS: Final = 1.0


class Member(NamedTuple):
    """A member of a group: the group's name, a token that no other member has, and its process."""

    group: str
    token: str
    process: str


class Ownership(NamedTuple):
    """A member's ownership: its generation, where the group stands, and how many messages it needs that retention took.

    It needs what it has not read, and what it has to read again for the sake of its state.
    """

    generation: int
    positions: Mapping[str, Position]
    skipped: int


def acquire(connection: sqlite3.Connection, member: Member, topics: Sequence[str], now: float) -> Ownership | None:
    """Become the owner, if nobody else is. `now` is of the steady clock."""
    if _is_taken(connection, member, now):
        return None
    with writing_lightly(connection):
        if _is_taken(connection, member, now):
            return None
        generation = connection.execute(
            "INSERT INTO leases (consumers, owner, generation, process, renewed) VALUES (?, ?, 1, ?, ?) "
            "ON CONFLICT (consumers) DO UPDATE SET owner = excluded.owner, generation = generation + 1, "
            "process = excluded.process, renewed = excluded.renewed RETURNING generation",
            (member.group, member.token, member.process, now),
        ).fetchone()[0]
        return _ownership(connection, member.group, topics, generation)


def renew(connection: sqlite3.Connection, member: Member, generation: int, now: float) -> bool:
    """Stay the owner; False if another one took over."""
    with writing_lightly(connection):
        renewed = connection.execute(
            "UPDATE leases SET renewed = ? WHERE consumers = ? AND owner = ? AND generation = ?",
            (now, member.group, member.token, generation),
        )
        return renewed.rowcount == 1


def release(connection: sqlite3.Connection, member: Member) -> bool:
    """Let the next one in at once; False if this member was not the owner."""
    with writing_lightly(connection):
        released = connection.execute(
            "UPDATE leases SET owner = '' WHERE consumers = ? AND owner = ?", (member.group, member.token)
        )
        return released.rowcount == 1


def require_owner(connection: sqlite3.Connection, member: Member, generation: int) -> None:
    """Make sure, inside a write transaction, that this member is the owner. Raises PartitionLostError."""
    row = connection.execute("SELECT owner, generation FROM leases WHERE consumers = ?", (member.group,)).fetchone()
    if row != (member.token, generation):
        raise PartitionLostError(0, f'another worker of the group "{member.group}" is the owner now')


def stored_positions(connection: sqlite3.Connection, group: str) -> dict[str, Position]:
    """Return where a group stands, by topic."""
    rows = connection.execute("SELECT topic, first_needed, following FROM positions WHERE consumers = ?", (group,))
    return {topic: Position(first_needed, following) for topic, first_needed, following in rows}


def store_positions(connection: sqlite3.Connection, group: str, positions: Mapping[str, Position]) -> None:
    """Remember where a group stands, inside a write transaction."""
    connection.executemany(
        "REPLACE INTO positions (consumers, topic, first_needed, following) VALUES (?, ?, ?, ?)",
        [(group, topic, position.first_needed, position.following) for topic, position in positions.items()],
    )


def _is_taken(connection: sqlite3.Connection, member: Member, now: float) -> bool:
    row = connection.execute("SELECT owner, process, renewed FROM leases WHERE consumers = ?", (member.group,)).fetchone()
    if row is None or row[0] in {"", member.token}:
        return False
    return 0 <= now - row[2] < LEASE_SECONDS and not is_gone(row[1])


def _ownership(connection: sqlite3.Connection, group: str, topics: Sequence[str], generation: int) -> Ownership:
    stored = stored_positions(connection, group)
    positions: dict[str, Position] = {}
    skipped = 0
    for topic in topics:
        first = span(connection, topic).first
        position = stored.get(topic, Position(first, first))
        skipped += max(0, first - position.first_needed)
        positions[topic] = Position(max(first, position.first_needed), max(first, position.following))
    return Ownership(generation, positions, skipped)
