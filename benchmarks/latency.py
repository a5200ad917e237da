"""From publishing the sample that closes a window to its aggregate readable in another process: three processes on one log."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from benchmarks.delays import delay_figures
from benchmarks.figures import Figure
from benchmarks.processes import program, running, virtpulse
from virtpulse.clock import SystemClock
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Start, Transport
from virtpulse.transports.open import open_transport

_WINDOWS: Final = 300
_PAUSE: Final = 0.03
_WITHIN: Final = 15.0
_SETTINGS: Final = ("--set", "processors.windows.size=1s", "--set", "processors.windows.lateness=0s")


def measure() -> Iterator[Figure]:
    """Yield the delays of some hundred windows, each of one sample and closed by the next one: the better of two rounds."""
    yield from delay_figures("latency", _delays)


async def _delays(log: Path) -> list[float]:
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    with running(virtpulse(log, "run", "processor", "windows", *_SETTINGS)):
        await asyncio.sleep(2.0)  # the worker is up and owns its partition: what is measured is not its start
        with running(program("publisher", str(log), str(_WINDOWS + 1), str(_PAUSE))):
            read = await _read_times(transport)
        sent = await _sent_times(transport)
    await transport.close()
    return [moment - sent[end] for end, moment in read.items()]


async def _read_times(transport: Transport) -> dict[float, float]:
    """Return when each window's aggregate was read here, by the window's end, as monotonic seconds."""
    follower = await transport.follow([AGGREGATES], Start.BEGINNING)
    read: dict[float, float] = {}
    while len(read) < _WINDOWS:
        batch = await follower.read(500, _WITHIN)
        if batch is None:
            msg = f"only {len(read)} of {_WINDOWS} aggregates came"
            raise RuntimeError(msg)
        now = time.monotonic()
        read.update((orjson.loads(value)["end"], now) for value in batch.values)
    return read


async def _sent_times(transport: Transport) -> dict[float, float]:
    """Return when the publisher set out to publish each sample, by its event time, as monotonic seconds."""
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    sent: dict[float, float] = {}
    while len(sent) <= _WINDOWS and (batch := await follower.read(500, _WITHIN)) is not None:
        samples = [orjson.loads(value) for value in batch.values]
        sent.update((sample["time"], sample["facts"]["sent"]) for sample in samples)
    return sent
