"""How bad a ratio is: what colours a row, and what puts it above another.

A family has four marks: the best value, where it starts to be worth a look, where it is serious, and the worst. Between
two marks badness grows evenly: 0 at the best, 1 at the warning mark, 2 at the critical one, 3 at the worst. So a fault
rate of 3 %, a disk that is 90 % full and a machine that performs at 30 % can be put in one order. A few metrics are
on a scale of their own. These marks only sort and colour what is shown; what alerts is for rules to say.
"""

from enum import Enum, IntEnum
from typing import Final, NamedTuple


class Family(Enum):
    """The family of a metric; the letter that stands for it."""

    RESOURCE = "R"
    PERFORMANCE = "P"
    FAULT = "F"
    TIMING = "T"


class Level(IntEnum):
    """How much a row matters."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2


class Marks(NamedTuple):
    """The percentages with badness 0, 1, 2 and 3; rising where more is worse, falling where less is."""

    best: float
    warning: float
    critical: float
    worst: float


_FAMILIES: Final = {
    Family.RESOURCE: Marks(0, 80, 95, 100),
    Family.PERFORMANCE: Marks(100, 50, 20, 0),
    Family.FAULT: Marks(0, 1, 5, 100),
}
_METRICS: Final = {
    "system.cpu.utilization@iowait": Marks(0, 20, 50, 100),
    "system.cpu.utilization@steal": Marks(0, 5, 20, 100),
    "system.cpu.frequency": Marks(100, 10, 5, 0),  # an idle machine slows its clocks down on purpose
    "system.pressure": Marks(0, 20, 60, 100),
    "system.memory.oom_kills": Marks(0, 1e-6, 1e-5, 100),  # each one is serious, however many processes were started
    "system.network.tcp.failed": Marks(0, 20, 60, 100),  # whoever probes closed ports is refused on purpose
    "system.paging.faults": Marks(0, 5, 20, 100),
    "vm.cpu.ready": Marks(0, 5, 10, 100),
    "vm.cpu.delivered": Marks(100, 90, 70, 0),
}


def badness(family: Family, key: str, ratio: float) -> float:
    """Return 0 (best) to 3 (worst) for a ratio in percent; never smaller for a worse ratio. Timings have none: 0."""
    if family is Family.TIMING:
        return 0.0
    marks = _METRICS.get(key) or _METRICS.get(key.partition("@")[0]) or _FAMILIES[family]
    sign = 1.0 if marks.worst > marks.best else -1.0
    for step in range(3):
        low, high = marks[step], marks[step + 1]
        if sign * ratio < sign * high:
            return max(0.0, step + (ratio - low) / (high - low))
    return 3.0


def level(bad: float) -> Level:
    """Return the level of a badness."""
    return Level(min(int(bad), Level.CRITICAL))
