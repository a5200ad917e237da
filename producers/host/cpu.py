"""CPU time by mode, from /proc/stat."""

import os
from typing import Final

from producers.host.deltas import Deltas
from producers.host.procfs import Proc
from producers.host.rows import Rows

_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # guest time is in user and nice
_BUSY: Final = ("user", "nice", "system", "irq", "softirq")
_SHOWN: Final = ("user", "system", "iowait", "steal")
_UNSTEADY: Final = ("iowait", "steal")  # the kernel itself lets these step back now and then
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Cpu:
    """Seconds of CPU time of all CPUs together: those spent in a mode, of all there were."""

    name: Final = "cpu"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.cpu.utilization` and its shown modes; nothing where a steady mode has no delta."""
        label, *ticks = self._proc.read("stat").split(b"\n", 1)[0].split()
        if label != b"cpu":
            msg = f"/proc/stat begins with {label[:20]!r} instead of the line cpu"
            raise ValueError(msg)
        spent = {mode: deltas.rise(f"cpu.{mode}", int(value)) for mode, value in zip(_MODES, ticks, strict=False)}
        rows = Rows()
        if any(rise is None and mode not in _UNSTEADY for mode, rise in spent.items()):
            return rows
        known = {mode: rise / _TICKS for mode, rise in spent.items() if rise is not None}
        whole = sum(known.values())
        rows.resources["system.cpu.utilization"] = (sum(known[mode] for mode in _BUSY), whole)
        for mode in _SHOWN:
            if mode in known:
                rows.resources[f"system.cpu.utilization@{mode}"] = (known[mode], whole)
        return rows
