"""One partition that a worker owns: its processor, and where it stands."""

from bisect import bisect_left
from collections.abc import Iterator

from virtpulse.runtime.counters import Counters
from virtpulse.runtime.roles import Output, Processor
from virtpulse.transports.interface import Assigned, Batch, Position, Progress


class OwnedPartition:
    """Hands messages to the processor: replayed before the position that an earlier owner had reached, processed from there."""

    def __init__(self, assigned: Assigned, processor: Processor, counters: Counters) -> None:
        self.number = assigned.partition
        self.processor = processor
        self._following = {topic: at.following for topic, at in assigned.positions.items()}
        self._read = {topic: at.first_needed for topic, at in assigned.positions.items()}  # behind `following` while replaying
        self._counters = counters
        self.unacknowledged = 0

    def take(self, batch: Batch) -> Iterator[Output]:
        """Replay and process the messages of `batch`, step by step; each output is to be stored before the next is asked for."""
        self._read[batch.topic] = batch.positions[-1] + 1
        old = bisect_left(batch.positions, self._following[batch.topic])
        if old:
            self.processor.replay(batch.slice(0, old))
            self._counters.replayed += old
        while old < len(batch):
            new = batch.slice(old, len(batch)) if old else batch
            output = self.processor.process(new)
            taken = len(new) if output.taken is None else output.taken
            self._following[batch.topic] = new.positions[taken - 1] + 1
            self._counters.received += taken
            self.unacknowledged += taken
            old += taken
            yield output

    def progress(self) -> Progress:
        """Return where the partition stands now: what the open state was built from, and what is to be processed next."""
        needed = self.processor.first_needed()
        positions = {}
        for topic, following in self._following.items():
            read = min(self._read[topic], following)  # what is still to be replayed is needed, though not yet in the state
            positions[topic] = Position(min(needed.get(topic, read), read), following)
        return Progress(self.number, positions)
