"""`python -m benchmarks [NAME ...]`: measure, print a table, and with BENCH_JSON=FILE write one line of JSON for each figure."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from benchmarks import (
    alert_latency,
    alert_states,
    alerts,
    latency,
    local_log,
    many_sources,
    million,
    producer_cost,
    wake,
    window_engine,
)
from benchmarks.figures import Figure
from benchmarks.table import show

_ALL: Final[dict[str, Callable[[], Iterator[Figure]]]] = {
    "window_engine": window_engine.measure,
    "many_sources": many_sources.measure,
    "local_log": local_log.measure,
    "million": million.measure,
    "latency": latency.measure,
    "alerts": alerts.measure,
    "alert_states": alert_states.measure,
    "alert_latency": alert_latency.measure,
    "wake": wake.measure,
    "producer_cost": producer_cost.measure,
}


def main(names: Sequence[str]) -> int:
    """Measure what is named, or everything. A missed target is shown, but is no failure."""
    unknown = [name for name in names if name not in _ALL]
    if unknown:
        print(f"there is no benchmark {unknown[0]}; there are: {', '.join(_ALL)}", file=sys.stderr)
        return 2
    with Path(os.environ.get("BENCH_JSON") or os.devnull).open("wb") as stream:
        show(list(_measured(names or list(_ALL), stream)))
    return 0


def _measured(names: Sequence[str], stream: BinaryIO) -> Iterator[Figure]:
    """Yield the figures as they are measured, and write each as a line of JSON."""
    for name in names:
        begin = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        for figure in _ALL[name]():
            stream.write(figure.json())
            stream.flush()
            yield figure
        print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
