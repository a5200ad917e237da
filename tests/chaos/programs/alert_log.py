"""A made-up log of aggregates, and ten rules that it keeps busy: figures that cross and hover, keys that vanish, no values."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from tests.chaos.programs.window_log import Document
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Outgoing

RULES: Final = """
[processors.alerts]
disable = ["*"]
stale_after = "1m"

[[rules]]
name = "Busy"
metric = "*.cpu.utilization"
above = 70
clear = 50
for = "20s"
summary = "{source} uses {value:.1f} %"

[[rules]]
name = "Idle"
metric = "vm.cpu.utilization"
below = 15
keep_firing_for = "30s"

[[rules]]
name = "BusyAtOnce"
metric = "vm.cpu.*"
above = 90
severity = "info"

[[rules]]
name = "AnyDisk"
metric = "vm.disk.busy"
above = 80
clear = 75
for = "30s"
keep_firing_for = "20s"
labels = { team = "storage" }

[[rules]]
name = "FirstDisk"
metric = "vm.disk.busy"
device = "vda"
above = 60
for = "15s"

[[rules]]
name = "ShortAndBusy"
metric = "vm.memory.utilization"
above = 55
clear = 45
while = { metric = "vm.cpu.utilization", above = 40 }

[[rules]]
name = "Slow"
metric = "vm.disk.operation_time"
above = 0.05
for = "10s"
severity = "critical"

[[rules]]
name = "Dropped"
metric = "vm.network.packet.dropped"
statistic = "part"
source = "kvm-1*/*"
above = 60
keep_firing_for = "25s"

[[rules]]
name = "TooLate"
statistic = "late"
above = 1
keep_firing_for = "20s"

[[rules]]
name = "Paused"
facts = { "vm.state" = "paused" }
for = "10s"
"""

_BEGIN: Final = 1_790_000_000.0
_SIZE: Final = 10.0
_HOSTS: Final = 20
_GUESTS: Final = 9  # of each host, which is a source, too
_VANISHES: Final = 0.02
_DISKS: Final = ("vm.disk.busy@vda", "vm.disk.busy@vdb")
_RESOURCES: Final = ("vm.cpu.utilization", "vm.memory.utilization", *_DISKS)
_FAULTS: Final = ("vm.network.packet.dropped@vnet0.receive",)
_TIMINGS: Final = ("vm.disk.operation_time@vda.read",)


class Plan(NamedTuple):
    """What is tried: 200 sources send so many aggregates."""

    aggregates: int
    kills: int
    batches: tuple[int, ...]
    seed: int


@dataclass(slots=True)
class Machine:
    """A source whose figures walk up and down, stand still, jump, and are not there for a while."""

    name: str
    levels: dict[str, float] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)  # for so many windows

    def aggregate(self, number: int, draw: random.Random) -> Document:
        """Return its next window."""
        families = {"resources": _RESOURCES, "faults": _FAULTS, "timings": _TIMINGS}
        cells = {family: dict(self._cells(family, keys, draw)) for family, keys in families.items()}
        start = _BEGIN + number * _SIZE
        return {
            "source": self.name, "start": start, "end": start + _SIZE, "samples": 10,
            "late": draw.choice((0, 0, 0, 1, 2)), "repeated": 0, **cells, "performance": {},
            "facts": {"vm.state": draw.choice(("running", "running", "paused"))} if draw.random() < 0.8 else {},
        }  # fmt: skip

    def _cells(self, family: str, keys: tuple[str, ...], draw: random.Random) -> Iterator[tuple[str, Document]]:
        for key in keys:
            left = self.gone.get(key, 0) or (draw.choice((1, 3, 9, 20)) if draw.random() < _VANISHES else 0)
            self.gone[key] = max(left - 1, 0)
            if not left:
                yield key, self._cell(family, key, draw)

    def _cell(self, family: str, key: str, draw: random.Random) -> Document:
        before = self.levels.get(key, draw.random() * 100)
        jump = draw.random() < 0.05
        level = self.levels[key] = draw.random() * 100 if jump else min(max(before + draw.uniform(-12, 12), 0.0), 100.0)
        names = ("seconds", "operations", "mean") if family == "timings" else ("part", "whole", "ratio")
        value = level / 1000 if family == "timings" else level
        known = draw.random() > _VANISHES
        numbers = (level, 100 if known else 0, value if known else None, *[value if known else None] * 3, 10)
        return dict(zip((*names, "min", "max", "last", "count"), numbers, strict=True))


def make_messages(plan: Plan) -> list[Outgoing]:
    """Return the log: aggregates in the order of their windows, the sources of a host alone or together in a message."""
    draw = random.Random(plan.seed)
    hosts = [[Machine(f"kvm-{host}"), *(Machine(f"kvm-{host}/vm-{guest}") for guest in range(_GUESTS))] for host in range(_HOSTS)]
    messages: list[Outgoing] = []
    left, number = plan.aggregates, 0
    while left > 0:
        for machines in draw.sample(hosts, len(hosts)):
            some = draw.sample(machines, len(machines))[:left]
            left -= len(some)
            documents = [machine.aggregate(number, draw) for machine in some]
            together = documents if len(documents) > 1 and draw.random() < 0.3 else None
            values = [together] if together else documents
            messages += [Outgoing(AGGREGATES, machines[0].name, orjson.dumps(value)) for value in values]
        number += 1
    return messages
