"""What a look at a subsystem gives, and what a subsystem is."""

from dataclasses import dataclass, field
from typing import Protocol

from producers.host.deltas import Deltas
from virtpulse.messages.sample import Pairs


@dataclass(frozen=True, slots=True)
class Rows:
    """The four maps of a sample: metric key to (part, whole), in `timings` to (seconds, operations)."""

    resources: Pairs = field(default_factory=dict)
    performance: Pairs = field(default_factory=dict)
    faults: Pairs = field(default_factory=dict)
    timings: Pairs = field(default_factory=dict)

    def add(self, other: "Rows") -> None:
        """Take the rows of another subsystem in."""
        self.resources.update(other.resources)
        self.performance.update(other.performance)
        self.faults.update(other.faults)
        self.timings.update(other.timings)


class Subsystem(Protocol):
    """A part of the machine that is looked at in one go and left out as a whole where it cannot be read."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    def look(self, deltas: Deltas) -> Rows:
        """Measure. Raises one of `guard.UNREADABLE` where the machine does not tell."""
        ...
