"""How soon a reader hears of what another process publishes, and what it costs to listen while nothing comes."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from benchmarks.figures import Figure
from benchmarks.processes import program, running, thread_cpu_seconds, virtpulse
from benchmarks.timing import percentile
from virtpulse.clock import SystemClock
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Start
from virtpulse.transports.open import open_transport

_MESSAGES: Final = 300
_ROUNDS: Final = 2
_PAUSE: Final = 0.02
_WAKE_TARGET: Final = 10.0
_SETTLE: Final = 2.0
_IDLE: Final = 10.0
_IDLE_TARGET: Final = 0.3


def measure() -> Iterator[Figure]:
    """Yield the time from before a publish to its reading in this process, and the share of a core that an idle reader takes."""
    with TemporaryDirectory() as folder:
        rounds = [asyncio.run(_delays(Path(folder, "log.db"))) for _ in range(_ROUNDS)]
        for percent in (50, 99):
            best = min(percentile(delays, percent) for delays in rounds)
            yield Figure(f"wake_p{percent}", best * 1e3, "ms", _WAKE_TARGET)
        yield Figure("idle_reader", _idle(Path(folder, "log.db")) * 100, "% of a core", _IDLE_TARGET)


async def _delays(log: Path) -> list[float]:
    """Return for each message the seconds from when the other process set out to publish it until it is read here."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    follower = await transport.follow([SAMPLES], Start.NOW)
    delays: list[float] = []
    with running(program("publisher", str(log), str(_MESSAGES), str(_PAUSE))):
        while len(delays) < _MESSAGES and (batch := await follower.read(_MESSAGES, wait=15.0)) is not None:
            now = time.monotonic()
            delays += [now - orjson.loads(value)["facts"]["sent"] for value in batch.values]
    await transport.close()
    if len(delays) < _MESSAGES:
        msg = f"only {len(delays)} of {_MESSAGES} messages came"
        raise RuntimeError(msg)
    return delays


def _idle(log: Path) -> float:
    with running(virtpulse(log, "watch", "samples", "--from", "now")) as reader:
        time.sleep(_SETTLE)
        before = thread_cpu_seconds(reader.pid)
        time.sleep(_IDLE)
        return (thread_cpu_seconds(reader.pid) - before) / _IDLE
