"""Where a reader stands in each of its topics, and what was read ahead for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.lane import Lane
from virtpulse.transports.local.reading import read_first


@dataclass(slots=True)
class _Cursor:
    topic: str
    following: int
    ahead: Batch | None = None
    used: int = 0

    def take(self, limit: int) -> Batch | None:
        if self.ahead is None:
            return None
        batch = self.ahead.slice(self.used, self.used + limit)
        self.used += len(batch)
        if self.used >= len(self.ahead):
            self.ahead, self.used = None, 0
        return batch


class Cursors:
    """Reads several topics, each in its order and all in turn. Calls must not overlap."""

    def __init__(self, lane: Lane, starts: Mapping[str, int]) -> None:
        self._lane = lane
        self._cursors = [_Cursor(topic, position) for topic, position in starts.items()]

    async def next(self, limit: int) -> Batch | None:
        """Return the next 1 to `limit` messages of one topic, None if all are read to their end."""
        while (batch := self._taken(limit)) is None:
            places = [(cursor.topic, cursor.following) for cursor in self._cursors]
            piece = await self._lane.ask(read_first, places, limit)
            if piece is None:
                return None
            cursor = next(cursor for cursor in self._cursors if cursor.topic == piece.batch.topic)
            cursor.following = piece.following
            if len(piece.batch):  # else the last keys of a compacted topic are gone
                cursor.ahead = piece.batch
        return batch

    def _taken(self, limit: int) -> Batch | None:
        for index, cursor in enumerate(self._cursors):
            batch = cursor.take(max(limit, 1))
            if batch is not None:
                self._cursors.append(self._cursors.pop(index))
                return batch
        return None
