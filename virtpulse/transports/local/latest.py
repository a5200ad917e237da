"""The latest value of each key of a compacted topic."""

import sqlite3
from pathlib import Path
from typing import Final

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.lane import Lane
from virtpulse.transports.local.reading import read_piece, span

_LIMIT: Final = 2_000


class Latest:
    """Reads one state of a topic on a connection of its own, so that what is written meanwhile does not show."""

    def __init__(self, path: Path, topic: str) -> None:
        self._lane = Lane(path, "local-latest")
        self._topic = topic
        self._following: int | None = None

    async def next(self) -> Batch | None:
        """Return the next keys that have a value, None after the last."""
        if self._following is None:
            await self._lane.open()
            await self._lane.ask(_begin)
            self._following = 0
        while True:
            batch = await self._lane.ask(_read, self._topic, self._following)
            if batch is None:
                return None
            self._following = batch.positions[-1] + 1
            present = _without_tombstones(batch)
            if len(present):
                return present

    async def close(self) -> None:
        """Let go of that state."""
        await self._lane.close()


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
