"""What it costs to sample this machine once a second: CPU time and memory of the producer's process."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure
from benchmarks.processes import cpu_seconds, peak_memory, running, virtpulse

_WARM_UP: Final = 3.0
_SECONDS: Final = 60.0
_CPU_TARGET: Final = 0.3
_MEMORY_TARGET: Final = 40.0


def measure() -> Iterator[Figure]:
    """Yield the CPU seconds of a minute after the first three seconds, and the most that was resident."""
    with TemporaryDirectory() as folder, running(virtpulse(Path(folder, "log.db"), "run", "producer", "host")) as producer:
        time.sleep(_WARM_UP)
        before = cpu_seconds(producer.pid)
        time.sleep(_SECONDS)
        yield Figure("producer_cpu_a_minute", cpu_seconds(producer.pid) - before, "s", _CPU_TARGET)
        yield Figure("producer_memory", peak_memory(producer.pid), "MiB", _MEMORY_TARGET)
