"""A million samples in the log: it opens at once, following starts at once, and nobody's memory grows with it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure
from benchmarks.processes import memory_growth, running, virtpulse
from virtpulse.clock import SystemClock
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing, Transport
from virtpulse.transports.open import open_transport

_SAMPLES: Final = 1_000_000
_SOURCES: Final = 1_000
_ROUNDS: Final = 5
_WITHIN: Final = 180.0
_OPEN_TARGET: Final = 0.2
_READY_TARGET: Final = 1.0
_READY_RATIO_TARGET: Final = 1.5
_GROWTH_TARGET: Final = 32.0
_AMOUNTS: Final = (
    b'"interval":1.0,"resources":{"vm.cpu.utilization":[1.7,4.0],"vm.memory.utilization":[6.1e9,8.5e9]},'
    b'"performance":{"vm.cpu.delivered":[1.7,1.9]},"faults":{"vm.cpu.ready":[0.2,4.0]}}\n'
)


def measure() -> Iterator[Figure]:
    """Yield how memory grows in a publisher, a worker and a sink on the way, and what opening and following take then."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        log, recording = folder / "log.db", folder / "samples.jsonl"
        _record(recording)
        publish = virtpulse(log, "publish", "samples", str(recording))
        yield Figure("memory_growth_of_publisher", memory_growth(publish, _WITHIN), "MiB", _GROWTH_TARGET)
        recording.unlink()
        yield Figure("open_million", min(asyncio.run(_opening(log)) for _ in range(_ROUNDS)), "s", _OPEN_TARGET)
        yield from _ready_figures(folder / "empty.db", log)
        worker = virtpulse(log, "run", "processor", "windows", "--drain")
        yield Figure("memory_growth_of_worker", memory_growth(worker, _WITHIN), "MiB", _GROWTH_TARGET)
        path = f"sinks.jsonl.path={folder}/out/{{topic}}-{{time}}.jsonl"
        sink = virtpulse(log, "run", "sink", "jsonl", "--drain", "--set", path)
        yield Figure("memory_growth_of_sink", memory_growth(sink, _WITHIN), "MiB", _GROWTH_TARGET)


def _record(path: Path) -> None:
    """Write the samples, as lines: every source once a second, up to now."""
    begin = int(time.time()) - _SAMPLES // _SOURCES
    with path.open("wb") as stream:
        for moment in range(begin, begin + _SAMPLES // _SOURCES):
            stream.writelines(
                b'{"source":"kvm-%d/web-%d","time":%d,%b' % (number % 50, number, moment, _AMOUNTS) for number in range(_SOURCES)
            )


async def _opening(log: Path) -> float:
    begin = time.perf_counter()
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    taken = time.perf_counter() - begin
    await transport.close()
    return taken


def _ready_figures(empty: Path, full: Path) -> Iterator[Figure]:
    """Yield how long `watch --from now` takes to print its first sample with a full log, and against an empty one."""
    rounds = [(asyncio.run(_ready(empty)), asyncio.run(_ready(full))) for _ in range(_ROUNDS)]
    bare, taken = (min(column) for column in zip(*rounds, strict=True))
    yield Figure("watch_from_now", taken, "s", _READY_TARGET)
    yield Figure("watch_from_now_of_million", taken / bare, "x", _READY_RATIO_TARGET, "the same on an empty log")


async def _ready(log: Path) -> float:
    """Return the seconds from starting the command to its first line, while samples are published all the time."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    begin = time.perf_counter()
    with running(virtpulse(log, "watch", "samples", "--from", "now", "--count", "1", "--json")) as watch:
        publishing = asyncio.create_task(_keep_publishing(transport))
        if watch.stdout is None or not await asyncio.wait_for(asyncio.to_thread(watch.stdout.readline), 30.0):
            msg = "watch printed nothing"
            raise RuntimeError(msg)
        taken = time.perf_counter() - begin
        publishing.cancel()
    await transport.close()
    return taken


async def _keep_publishing(transport: Transport) -> None:
    value = b'{"source":"me","time":%d}' % time.time()
    while True:
        await transport.publish([Outgoing(SAMPLES, "me", value)])
        await asyncio.sleep(0.005)
