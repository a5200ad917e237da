"""A fleet of made-up sources that feeds a window engine, second by second."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from benchmarks.messages import batches, one_round, sample, with_faults
from benchmarks.timing import seconds_of
from processors.windows.engine import Engine
from processors.windows.settings import WindowsSettings
from virtpulse.transports.interface import Batch

BEGIN: Final = 1_795_417_200.0  # a multiple of a minute


@dataclass(slots=True)
class Fleet:
    """`sources` that send every `interval` seconds to an engine with `settings`, in batches of `size` messages."""

    sources: int
    settings: WindowsSettings
    size: int
    interval: float = 1.0
    sent: int = 0
    now: float = BEGIN
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        """Make the engine."""
        self.engine = Engine(self.settings, 0)

    def next_batches(self, rounds: int) -> list[Batch]:
        """Return what all sources send in the next `rounds` intervals: 1 % repeated, 1 % too late, the rest in order."""
        messages: list[bytes] = []
        delay = float(self.settings.size) + float(self.settings.lateness) + 1
        for _ in range(rounds):
            moment = list(one_round(self.sources, self.now))
            late = [sample(number, self.now - delay) if number % 100 == 75 else b"" for number in range(self.sources)]
            messages += with_faults(moment, late)
            self.now += self.interval
        position, self.sent = self.sent, self.sent + len(messages)
        return batches(messages, self.size, position, self.now)

    def take(self, some: list[Batch]) -> None:
        """Let the engine take batches."""
        for batch in some:
            self.engine.take(batch, self.now, self.now)

    def cost(self, rounds: int) -> tuple[float, int]:
        """Return the CPU seconds that the engine takes for the next `rounds` intervals, and the number of messages."""
        sent = self.sent
        some = self.next_batches(rounds)
        return seconds_of(partial(self.take, some)), self.sent - sent
