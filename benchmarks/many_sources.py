"""What a reading costs with 100,000 sources, against 1,000; and the memory that 100,000 sources with open windows hold."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from benchmarks.figures import Figure
from benchmarks.fleet import Fleet
from processors.windows.settings import WindowsSettings
from virtpulse.units import Duration

_MANY: Final = 100_000
_FEW: Final = 1_000
_INTERVAL: Final = 2.0
_SAMPLES: Final = 5  # of each source in a window of 10 s
_COST_TARGET: Final = 1.5
_MEMORY_TARGET: Final = 1_024.0


def measure() -> Iterator[Figure]:
    """Yield the ratio of costs while windows are open, with their closing included, and the resident memory."""
    usual = WindowsSettings()
    reference = f"CPU time a reading with {_FEW} sources"
    yield Figure("many_sources", _ratio(WindowsSettings(size=Duration(60)), 3), "x", _COST_TARGET, reference)
    yield Figure("many_sources_with_aggregates", _ratio(usual, _SAMPLES), "x", _COST_TARGET, reference)
    held = subprocess.run(
        [sys.executable, "-m", "benchmarks.programs.open_windows", str(_MANY)], check=True, capture_output=True, text=True
    )
    yield Figure("memory_of_100000_sources", float(held.stdout), "MiB", _MEMORY_TARGET)


def _ratio(settings: WindowsSettings, rounds: int) -> float:
    """Return the cost a message of many sources as a multiple of that of few, both after all sources were seen.

    In both fleets every source sends so many samples a window; the few take their turns between the rounds of the many.
    """
    many = Fleet(_MANY, settings, settings.batch, _INTERVAL)
    few = Fleet(_FEW, settings, settings.batch, _INTERVAL)
    many.cost(1)
    many.cost(1)  # so that the rounds that are measured reach past the first window and its lateness
    few.cost(_SAMPLES)
    costs = [(many.cost(1), few.cost(_SAMPLES)) for _ in range(rounds)]
    (many_cpu, many_messages), (few_cpu, few_messages) = (
        map(sum, zip(*column, strict=True)) for column in zip(*costs, strict=True)
    )
    return (many_cpu / many_messages) / (few_cpu / few_messages)
