"""The in-memory transport, and a small processor."""

from collections.abc import Iterable, Mapping

import pytest

from tests.conftest import FakeClock
from tests.memory import MemoryTransport
from tests.notifying import Recorder, World
from virtpulse.runtime.roles import Output
from virtpulse.transports.interface import Batch, Outgoing


class Grouping:
    """A processor whose state is in the log: it joins `size` messages of a topic to one output, as a window would."""

    def __init__(self, partition: int, size: int = 3) -> None:
        self.partition = partition
        self.size = size
        self.restored: list[bytes] = []
        self.ticks = 0
        self._open: dict[str, list[tuple[int, bytes]]] = {}

    def restore(self, batch: Batch) -> None:
        """Keep what was restored."""
        self.restored += batch.values

    def replay(self, batch: Batch) -> None:
        """Rebuild the open groups."""
        self._add(batch)

    def process(self, batch: Batch) -> Output:
        """Emit the groups that are full."""
        return Output(self._add(batch))

    def tick(self) -> Output:
        """Count the tick."""
        self.ticks += 1
        return Output()

    def drain(self) -> Iterable[Output]:
        """Emit the open groups, each for itself."""
        for topic in list(self._open):
            yield Output([self._close(topic)])

    def first_needed(self) -> Mapping[str, int]:
        """Return the first position of each open group."""
        return {topic: group[0][0] for topic, group in self._open.items()}

    def _add(self, batch: Batch) -> list[Outgoing]:
        full = []
        for message in batch:
            group = self._open.setdefault(message.topic, [])
            group.append((message.position, message.value))
            if len(group) == self.size:
                full.append(self._close(message.topic))
        return full

    def _close(self, topic: str) -> Outgoing:
        return Outgoing("aggregates", "host", b" ".join(value for _, value in self._open.pop(topic)), self.partition)


@pytest.fixture(scope="session")
def memory_transport() -> type[MemoryTransport]:
    """Return the class of in-memory transports."""
    return MemoryTransport


@pytest.fixture(scope="session")
def grouping() -> type[Grouping]:
    """Return the class of a small processor whose state is in the log."""
    return Grouping


@pytest.fixture
def world(memory_transport: type[MemoryTransport], fake_clock: FakeClock) -> World:
    """Return a deployment in memory, seen from outside, for what notifies."""
    return World(memory_transport(fake_clock), fake_clock)


@pytest.fixture
def recorder(fake_clock: FakeClock) -> Recorder:
    """Return a notifier that keeps what it is to send."""
    return Recorder(fake_clock)
