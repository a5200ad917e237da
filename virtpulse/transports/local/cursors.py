"""Where a reader stands in each of its topics, and what was read ahead for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from virtpulse.transports.interface import Batch
from virtpulse.transports.local.database_thread import DatabaseThread
from virtpulse.transports.local.reading import read_first, span


@dataclass(slots=True)
class _Ahead:
    """What was read ahead of one topic, and how much of it is used."""

    batch: Batch
    used: int = 0

    def says_end(self, limit: int) -> bool:
        """Whether the next slice would say that nothing remains."""
        return self.batch.remaining == 0 and self.used + limit >= len(self.batch)

    def take(self, limit: int) -> Batch:
        batch = self.batch.slice(self.used, self.used + limit)
        self.used += limit
        return batch


class Cursors:
    """Reads several topics, each in its order and all in turn. Calls must not overlap."""

    def __init__(self, database: DatabaseThread, starts: Mapping[str, int]) -> None:
        self._database = database
        self._following = dict(starts)  # what was read ahead included; in the order of whose turn it is
        self._ahead: dict[str, _Ahead] = {}

    async def next(self, limit: int) -> Batch | None:
        """Return the next messages of one topic, `limit` at most; None if all topics are read to their end.

        It is empty if there are no more but retention took some.
        """
        limit = max(limit, 1)
        topic = next((topic for topic in self._following if topic in self._ahead), None)
        if topic is None:
            topic = await self._read_ahead(limit)
        elif self._ahead[topic].says_end(limit):  # it was the end when it was read ahead
            await self._look_behind(topic)
        return None if topic is None else self._take(topic, limit)

    async def _read_ahead(self, limit: int) -> str | None:
        while (piece := await self._database.ask(read_first, list(self._following.items()), limit)) is not None:
            topic = piece.batch.topic
            self._following[topic] = piece.following
            if len(piece.batch) or piece.batch.skipped:  # else the last keys of a compacted topic are gone
                self._ahead[topic] = _Ahead(piece.batch)
                return topic
        return None

    async def _look_behind(self, topic: str) -> None:
        end = (await self._database.ask(span, topic)).end
        ahead = self._ahead[topic]
        ahead.batch = replace(ahead.batch, remaining=max(end - self._following[topic], 0))

    def _take(self, topic: str, limit: int) -> Batch:
        ahead = self._ahead[topic]
        batch = ahead.take(limit)
        if ahead.used >= len(ahead.batch):
            del self._ahead[topic]
        self._following[topic] = self._following.pop(topic)  # the others come first now
        return batch
