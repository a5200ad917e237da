"""Figures of how soon something that one process did is readable in another."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.timing import percentile

_ROUNDS: Final = 2
_TARGET: Final = 100.0  # milliseconds


def delay_figures(name: str, delays: Callable[[Path], Coroutine[Any, Any, list[float]]]) -> Iterator[Figure]:
    """Yield two percentiles of the seconds that `delays` measures on a new log: the better of two rounds."""
    rounds = [_round(delays) for _ in range(_ROUNDS)]
    for percent in (50, 99):
        best = min(percentile(seconds, percent) for seconds in rounds)
        yield Figure(f"{name}_p{percent}", best * 1e3, "ms", _TARGET)


def _round(delays: Callable[[Path], Coroutine[Any, Any, list[float]]]) -> list[float]:
    with TemporaryDirectory() as folder:
        return asyncio.run(delays(Path(folder, "log.db")))
