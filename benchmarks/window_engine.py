"""The window engine against a bare decode of the same bytes: CPU time of decoding, judging, summing, and of closing windows."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import orjson

from benchmarks.figures import Figure
from benchmarks.fleet import Fleet
from benchmarks.timing import seconds_of
from processors.windows.settings import WindowsSettings
from virtpulse.transports.interface import Batch
from virtpulse.units import Duration

_SOURCES: Final = 1_000
_SECONDS: Final = 10  # of a round: with windows of 10 s every source closes one
_ROUNDS: Final = 5
_TARGET: Final = 3.0
_SMALL_BATCH: Final = 500


def measure() -> Iterator[Figure]:
    """Yield the engine's cost with windows that stay open, and with windows that close every ten samples.

    The last, of small batches whose windows close, is good to know: batches are as small only where there is little to do.
    """
    usual = WindowsSettings()
    long = WindowsSettings(size=Duration(60))
    yield _figure("window_engine", long, usual.batch, _TARGET)
    yield _figure("window_engine_with_aggregates", usual, usual.batch, _TARGET)
    yield _figure("window_engine_batches_of_500", long, _SMALL_BATCH, _TARGET)
    yield _figure("window_engine_with_aggregates_batches_of_500", usual, _SMALL_BATCH, None)


def _figure(name: str, settings: WindowsSettings, size: int, target: float | None) -> Figure:
    fleet = Fleet(_SOURCES, settings, size)
    fleet.take(fleet.next_batches(5))
    engine: list[float] = []
    bare: list[float] = []
    for _ in range(_ROUNDS):
        some = fleet.next_batches(_SECONDS)
        bare.append(seconds_of(partial(_decode, some)))
        engine.append(seconds_of(partial(fleet.take, some)))
    return Figure(name, min(engine) / min(bare), "x", target, "bare orjson.loads of the same bytes")


def _decode(some: list[Batch]) -> None:
    for batch in some:
        for value in batch.values:
            orjson.loads(value)
