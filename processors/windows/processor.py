"""The windows processor: the engine between the topics."""

from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from processors.windows.engine import Engine, Late, Outcome
from processors.windows.settings import WindowsSettings
from virtpulse.clock import Clock
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.runtime.roles import Output
from virtpulse.topics import LATE, SAMPLES
from virtpulse.transports.interface import Batch, Message, Outgoing

_MOST_AT_ONCE: Final = 2_000  # windows that are closed, or sources that are forgotten, in one step
_FORGET_EVERY: Final = 60.0


class WindowsProcessor:
    """One partition's windows, as a `virtpulse.runtime.roles.Processor`."""

    def __init__(self, settings: WindowsSettings, clock: Clock, partition: int) -> None:
        self._engine = Engine(settings, partition)
        self._clock = clock
        self._partition = partition
        self._next_forget = 0.0

    def restore(self, batch: Batch) -> None:
        """Take up the inventory."""
        self._engine.inventory.restore(batch, self._clock.time())

    def replay(self, batch: Batch) -> None:
        """Rebuild the open windows."""
        self._engine.replay(batch, self._clock.monotonic(), self._clock.time())

    def process(self, batch: Batch) -> Output:
        """Take samples into account: aggregates, late samples, dead letters and changes of the inventory come out."""
        outcome = self._engine.take(batch, self._clock.monotonic(), self._clock.time())
        return Output(
            messages=[
                *outcome.aggregates,
                *(self._late(late, batch) for late in outcome.late),
                *_dead_letters(outcome, batch),
                *self._engine.inventory.records(),
            ],
            refused=len(outcome.refusals),
            late=len(outcome.late),
            taken=outcome.taken,
        )

    def tick(self) -> Output:
        """Close the windows of quiet views; write and drop records by their age."""
        monotonic, now = self._clock.monotonic(), self._clock.time()
        inventory = self._engine.inventory
        closed = self._engine.close_quiet(monotonic, _MOST_AT_ONCE)
        forgotten = inventory.deleted(self._engine.first_needed(), _MOST_AT_ONCE)
        if monotonic >= self._next_forget:
            old = inventory.forgotten(monotonic, now, _MOST_AT_ONCE)
            inventory.renew(now, _MOST_AT_ONCE)
            if len(old) < _MOST_AT_ONCE:
                self._next_forget = monotonic + _FORGET_EVERY
            forgotten += old
        return Output(messages=[*closed, *forgotten, *inventory.records()])

    def drain(self) -> Iterable[Output]:
        """Close every window."""
        for messages in self._engine.close_all(_MOST_AT_ONCE):
            yield Output(messages=[*messages, *self._engine.inventory.records()])

    def first_needed(self) -> Mapping[str, int]:
        """Return the first sample that an open window holds."""
        first = self._engine.first_needed()
        return {} if first is None else {SAMPLES: first}

    def _late(self, late: Late, batch: Batch) -> Outgoing:
        """Return the sample as it came, with the windows that it missed as its last field."""
        document = {**orjson.loads(late.document), "missed": late.missed}
        return Outgoing(LATE, batch.keys[late.message], orjson.dumps(document), self._partition)


def _dead_letters(outcome: Outcome, batch: Batch) -> Iterable[Outgoing]:
    for refusal in outcome.refusals:
        place = refusal.message
        origin = Message(
            batch.topic, batch.partition, batch.positions[place], batch.times[place], batch.keys[place], batch.values[place]
        )
        yield dead_letter(origin, refusal.error, index=None if refusal.index < 0 else refusal.index, value=refusal.document)
