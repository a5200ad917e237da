"""What a look at a subsystem gives, and what a subsystem is."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from producers.host.deltas import Deltas
from virtpulse.messages.sample import Pairs

_MOST: Final = float(2**63)  # more than the system counts to, and what JSON can say of a whole number


@dataclass(frozen=True, slots=True)
class Rows:
    """The four maps of a sample: metric key to (part, whole), in `timings` to (seconds, operations)."""

    resources: Pairs = field(default_factory=dict)
    performance: Pairs = field(default_factory=dict)
    faults: Pairs = field(default_factory=dict)
    timings: Pairs = field(default_factory=dict)

    def add(self, other: "Rows") -> None:
        """Take the rows of another subsystem in. Raises ValueError, and takes none, where a number is one that cannot be."""
        for pairs in (other.resources, other.performance, other.faults, other.timings):
            for key, pair in pairs.items():
                if not (min(pair) >= 0 and max(pair) <= _MOST):
                    msg = f"{key} cannot be {pair[0]:g} of {pair[1]:g}"
                    raise ValueError(msg)
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
