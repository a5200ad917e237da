"""From publishing a sample that says a guest has crashed to its alert readable in another process: three processes, one log."""

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
from virtpulse.topics import ALERTS, SAMPLES
from virtpulse.transports.interface import Start, Transport
from virtpulse.transports.open import open_transport

_ALERTS: Final = 500
_PAUSE: Final = 0.03
_WITHIN: Final = 15.0


def measure() -> Iterator[Figure]:
    """Yield the delays of some hundred alerts of the rule that comes with virtpulse: the better of two rounds."""
    yield from delay_figures("alert_latency", _delays)


async def _delays(log: Path) -> list[float]:
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    with running(virtpulse(log, "run", "processor", "alerts")):
        await asyncio.sleep(2.0)  # the worker is up and owns its partition: what is measured is not its start
        with running(program("crashes", str(log), str(_ALERTS), str(_PAUSE))):
            read = await _read_times(transport)
        sent = await _sent_times(transport)
    await transport.close()
    return [moment - sent[source] for source, moment in read.items()]


async def _read_times(transport: Transport) -> dict[str, float]:
    """Return when each guest's alert was read here, by its source, as monotonic seconds."""
    follower = await transport.follow([ALERTS], Start.BEGINNING)
    read: dict[str, float] = {}
    while len(read) < _ALERTS:
        batch = await follower.read(500, _WITHIN)
        if batch is None:
            msg = f"only {len(read)} of {_ALERTS} alerts came"
            raise RuntimeError(msg)
        now = time.monotonic()
        read.update((_source(orjson.loads(value)["labels"]), now) for value in batch.values)
    return read


def _source(labels: dict[str, str]) -> str:
    return f"{labels['host']}/{labels['vm']}"


async def _sent_times(transport: Transport) -> dict[str, float]:
    """Return when the publisher set out to publish each sample, by its source, as monotonic seconds."""
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    sent: dict[str, float] = {}
    while len(sent) < _ALERTS and (batch := await follower.read(500, _WITHIN)) is not None:
        samples = [orjson.loads(value) for value in batch.values]
        sent.update((sample["source"], sample["facts"]["sent"]) for sample in samples)
    return sent
