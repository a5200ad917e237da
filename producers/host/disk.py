"""Whole disks: how busy they are, what they move, how long an operation takes."""

from pathlib import Path
from typing import Final

import psutil

from producers.host.deltas import Deltas
from producers.host.devices import Devices
from producers.host.rows import Rows
from producers.host.slow import Slow

_REFRESH: Final = 30.0  # seconds
_MEMORY_BACKED: Final = ("loop", "ram", "zram")


class Disks:
    """Counters of each disk that has a medium; no partitions, loop or ram devices."""

    name: Final = "disks"

    def __init__(self, devices: Devices, sysfs: Path) -> None:
        self._devices = devices
        self._sysfs = sysfs
        self._names: tuple[str, ...] = ()
        self._whole = Slow(self._find, _REFRESH)

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.disk.io_time`, `system.disk.io` and `system.disk.operation_time` of each disk."""
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False)  # nowrap would hide a reset
        self._names = tuple(counters)
        rows = Rows()
        for name, device in self._devices.choose(self._whole.get(deltas.now, self._names)):
            disk = counters[name]
            busy = deltas.rise(f"disk.{name}.busy", disk.busy_time)
            if busy is not None and deltas.dt is not None:
                rows.resources[f"system.disk.io_time@{device}"] = (busy / 1000, deltas.dt)
            for way, moved, spent, done in (
                ("read", disk.read_bytes, disk.read_time, disk.read_count),
                ("write", disk.write_bytes, disk.write_time, disk.write_count),
            ):
                amount = deltas.rise(f"disk.{name}.{way}.bytes", moved)
                milliseconds = deltas.rise(f"disk.{name}.{way}.time", spent)
                operations = deltas.rise(f"disk.{name}.{way}.count", done)
                if amount is not None:
                    rows.resources[f"system.disk.io@{device}.{way}"] = (amount, 0.0)
                if milliseconds is not None and operations is not None:
                    rows.timings[f"system.disk.operation_time@{device}.{way}"] = (milliseconds / 1000, operations)
        return rows

    def _find(self) -> tuple[str, ...]:
        return tuple(name for name in self._names if not _is_memory_backed(name) and self._has_medium(name))

    def _has_medium(self, name: str) -> bool:
        """Return whether `name` is a whole disk (a partition is no entry of /sys/block) and holds a medium."""
        try:
            size = (self._sysfs / "block" / name.replace("/", "!") / "size").read_bytes()
        except FileNotFoundError:
            return False
        return int(size) > 0


def _is_memory_backed(name: str) -> bool:
    return name.rstrip("0123456789") in _MEMORY_BACKED
