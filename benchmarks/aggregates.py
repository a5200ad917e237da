"""Made-up aggregates of hosts, shaped as those of the host producer: 20 metrics, about 3 kB."""

import random
from typing import Final

import orjson

from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Batch

BEGIN: Final = 1_795_417_200.0
SIZE: Final = 10.0

_VARIANTS: Final = 997  # a prime, so that no source meets the same numbers at a regular distance
_NEAR: Final = 0.99
_CORES: Final = 16
_BYTES: Final = 134_217_728_000
_USUAL: Final = 0.04  # of the whole, at most: below all thresholds
_FULL: Final = 50  # one source in so many has a filesystem that is nearly full
_WHOLES: Final = {
    "system.cpu.utilization": _CORES * SIZE,
    "system.cpu.utilization@steal": _CORES * SIZE,
    "system.cpu.utilization@user": _CORES * SIZE,
    "system.memory.utilization": _BYTES,
    "system.paging.utilization": _BYTES,
    "system.filesystem.inodes@/": 83_886_080,
    "system.disk.io_time@vda": SIZE,
    "system.pressure@cpu.some": SIZE,
    "system.pressure@io.some": SIZE,
    "system.pressure@io.full": SIZE,
    "system.pressure@memory.some": SIZE,
    "system.pressure@memory.full": SIZE,
    "system.process.limit": 163_840,
    "system.file.handles": 12_330_885,
}
_FAULTS: Final = (
    "system.network.errors@eth0.receive",
    "system.network.packet.dropped@eth0.receive",
    "system.network.tcp.retransmits",
    "system.memory.oom_kills",
)
_draw: Final = random.Random(21)


def _ratio(most: float, whole: float) -> dict[str, float]:
    part = round(_draw.uniform(most * _NEAR, most), 4)
    ratio = 100 * part / whole
    return {"part": part, "whole": whole, "ratio": ratio, "min": ratio * _NEAR, "max": ratio / _NEAR, "last": ratio, "count": 10}


def _body(filesystem: float) -> bytes:
    """Return all but the source and the window, with so much of a filesystem used."""
    seconds = round(_draw.random() / 10, 4)
    mean = seconds / 120
    timing = {"seconds": seconds, "operations": 120, "mean": mean, "min": mean, "max": mean, "last": mean, "count": 10}
    shares = {key: _ratio(most * _USUAL, most) for key, most in _WHOLES.items()}
    document = {
        "samples": 10,
        "late": 0,
        "repeated": 0,
        "resources": {**shares, "system.filesystem.utilization@/": _ratio(_BYTES * filesystem, _BYTES)},
        "performance": {},
        "faults": {key: _ratio(0.0, 120_000.0) for key in _FAULTS},
        "timings": {"system.disk.operation_time@vda.write": timing},
        "facts": {"host.name": "kvm-07", "os.type": "linux", "virtualization": "kvm", "host.cpu.count": _CORES},
    }
    return orjson.dumps(document)[1:]


_BODIES: Final = [_body(0.5) for _ in range(_VARIANTS)]
_FULL_BODIES: Final = [_body(0.95) for _ in range(_VARIANTS)]


def aggregate(number: int, window: int) -> bytes:
    """Return a window of source `number`."""
    start = BEGIN + window * SIZE
    bodies = _BODIES if number % _FULL else _FULL_BODIES
    body = bodies[(number * 31 + window * 7) % _VARIANTS]
    return b'{"source":"kvm-%05d","start":%.1f,"end":%.1f,%b' % (number, start, start + SIZE, body)


def windows(sources: int, first: int, count: int) -> Batch:
    """Return `count` windows of each source, the first of them with the number `first`, as a batch."""
    values = [aggregate(number, window) for window in range(first, first + count) for number in range(sources)]
    return Batch(AGGREGATES, 0, range(len(values)), [BEGIN] * len(values), ["kvm"] * len(values), values)
