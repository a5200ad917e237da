"""100,000 sources with an alert that fires, each: what a worker holds of them, and how soon a new one has read that back."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from benchmarks.figures import Figure
from benchmarks.processes import virtpulse
from virtpulse.clock import SystemClock
from virtpulse.topics import ALERT_STATES, SAMPLES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport

_SOURCES: Final = 100_000
_GUESTS: Final = 50  # of each host
_AT_ONCE: Final = 5_000
_MEMORY_TARGET: Final = 500.0
_RESTORE_TARGET: Final = 10.0
_RULE: Final = """
[[rules]]
name = "FilesystemNearlyFull"
metric = "system.filesystem.utilization"
above = 90
summary = "{source} has {device} filled to {value:.1f} %"
advice = "Find what grew with du -x, and files that are deleted but still open with lsof +L1."
runbook = "docs/runbooks/FilesystemNearlyFull.md"
"""


def measure() -> Iterator[Figure]:
    """Yield the memory of the worker that raised the alerts, and of one that only read them back, and how long that took it.

    The time is that of a whole process that starts, reads the alerts and the inventory back, finds nothing to do, and ends.
    """
    with TemporaryDirectory() as name:
        log, config = Path(name, "log.db"), Path(name, "virtpulse.toml")
        config.write_text(_RULE)
        asyncio.run(_publish(log))
        _run(virtpulse(log, "run", "processor", "windows", "--drain"))
        alerts = virtpulse(log, "run", "processor", "alerts", "--drain", "--config", str(config))
        _, raised = _run(alerts)
        seconds, restored = _run(alerts)
        asyncio.run(_check(log))
    yield Figure("alerts_of_100000_sources_memory", raised, "MiB", _MEMORY_TARGET)
    yield Figure("alerts_of_100000_sources_memory_restored", restored, "MiB", _MEMORY_TARGET)
    yield Figure("alerts_of_100000_sources_restored", seconds, "s", _RESTORE_TARGET)


async def _publish(log: Path) -> None:
    """Publish a sample of each source: a filesystem that is nearly full."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    begin = time.time()
    for start in range(0, _SOURCES, _AT_ONCE):
        await transport.publish([_sample(number, begin) for number in range(start, start + _AT_ONCE)])
    await transport.close()


def _sample(number: int, begin: float) -> Outgoing:
    host = f"kvm-{number // _GUESTS:04}"
    document = {
        "source": f"{host}/web-{number}",
        "time": begin,
        "interval": 10.0,
        "resources": {"system.filesystem.utilization@/": [91.0 + number % 5, 100.0], "system.memory.utilization": [4e9, 8e9]},
        "facts": {"vm.id": f"5c2b-{number:08}", "vm.state": "running"},
    }
    return Outgoing(SAMPLES, host, orjson.dumps(document))


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end; return the seconds that it took and its largest resident memory in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - begin, used.ru_maxrss / 1024


async def _check(log: Path) -> None:
    """Raise RuntimeError unless there is a record of an alert for each source."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    count = 0
    async for batch in transport.latest(ALERT_STATES, 0):
        count += len(batch)
    await transport.close()
    if count != _SOURCES:
        msg = f"{count} alerts instead of {_SOURCES}"
        raise RuntimeError(msg)
