"""The latest value of each key of a compacted topic."""

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.database_thread import DatabaseThread
from virtpulse.transports.local.reading import read_piece, span

_LIMIT: Final = 2_000


async def latest(path: Path, topic: str, partition: int) -> AsyncGenerator[Batch, None]:
    """Yield the keys that have a value; on a connection of its own, so that what is written meanwhile does not show."""
    if partition != 0:
        return
    database = DatabaseThread(path, "local-latest")
    try:
        await database.open()
        await database.ask(_begin)
        following = 0
        while (batch := await database.ask(_read, topic, following)) is not None:
            following = batch.positions[-1] + 1
            present = _without_tombstones(batch)
            if len(present):
                yield present
    finally:
        await database.close()


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")


def _read(connection: sqlite3.Connection, topic: str, position: int) -> Batch | None:
    if not span(connection, topic).compacted:
        return None
    batch = read_piece(connection, topic, position, _LIMIT).batch
    return batch if len(batch) else None


def _without_tombstones(batch: Batch) -> Batch:
    if all(batch.values):
        return batch
    kept = [message for message in batch if message.value]
    return Batch(
        batch.topic, batch.partition, [message.position for message in kept], [message.time for message in kept],
        [message.key for message in kept], [message.value for message in kept], batch.remaining,
    )  # fmt: skip
