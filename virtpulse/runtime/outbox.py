"""What a producer has made and the transport has not taken yet."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from virtpulse.logs import get_logger
from virtpulse.runtime.counters import Counters
from virtpulse.transports.interface import Outgoing

MAX_MESSAGES: Final = 10_000
MAX_BYTES: Final = 16 << 20
BATCH: Final = 500

_log = get_logger(__name__)


class Outbox:
    """A bounded queue between one producer and its delivery.

    When it is full, `put` waits while the transport works; while the transport is away the oldest messages are dropped,
    counted and logged, so that a live producer keeps its pace.
    """

    def __init__(self, counters: Counters, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._queue: deque[Outgoing] = deque()
        self._bytes = 0
        self._counters = counters
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._away = False
        self._drops = False  # since the transport went away
        self._closed = False
        self._settle()

    async def put(self, messages: Sequence[Outgoing]) -> None:
        """Add messages once there is room, or at once while the transport is away."""
        await self._room.wait()
        self._queue.extend(messages)
        self._bytes += sum(len(message.value) for message in messages)
        self._counters.received += len(messages)
        self._counters.pending += len(messages)
        self._settle()

    async def take(self) -> list[Outgoing]:
        """Return the oldest messages, or none at the end: it was closed and is empty. They stay pending until `done`."""
        await self._filled.wait()
        taken = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        self._bytes -= sum(len(message.value) for message in taken)
        self._settle()
        return taken

    def away(self) -> None:
        """Drop the oldest messages from now on where there is no room: the transport is away."""
        self._away = True
        self._settle()

    def done(self, messages: Sequence[Outgoing]) -> None:
        """Forget messages that are stored, or refused for good: the transport works."""
        self._counters.pending -= len(messages)
        self._away = self._drops = False
        self._settle()

    def close(self) -> None:
        """Let `take` return none once everything is taken; nothing may be added any more."""
        self._closed = True
        self._settle()

    def _settle(self) -> None:
        if self._away:
            self._drop_oldest()
        _set(self._filled, on=bool(self._queue) or self._closed)
        _set(self._room, on=self._away or not self._full(len(self._queue) + 1))

    def _full(self, count: int) -> bool:
        return count > self._max_messages or self._bytes > self._max_bytes

    def _drop_oldest(self) -> None:
        dropped = 0
        while self._queue and self._full(len(self._queue)):
            self._bytes -= len(self._queue.popleft().value)
            dropped += 1
        if dropped and not self._drops:
            self._drops = True
            _log.warning(
                "the transport is away and the buffer is full: the oldest messages are dropped from now on",
                role=self._counters.role, messages=self._max_messages, bytes=self._max_bytes,
            )  # fmt: skip
        self._counters.dropped += dropped
        self._counters.pending -= dropped


def _set(event: asyncio.Event, *, on: bool) -> None:
    (event.set if on else event.clear)()
