"""Measuring something and its reference side by side: the machine is shared, so what one meets the other must meet too."""

import gc
import time
from collections.abc import Callable, Sequence

Clock = Callable[[], float]
Work = Callable[[], object]


def seconds_of(work: Work, clock: Clock = time.process_time) -> float:
    """Return the seconds that a call takes; garbage that others left is collected before."""
    gc.collect()
    begin = clock()
    work()
    return clock() - begin


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by `percent` percent of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
