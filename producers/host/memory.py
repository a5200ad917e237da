"""Memory and swap space, page faults and the OOM killer."""

from typing import Final

import psutil

from producers.host.deltas import Deltas
from producers.host.procfs import Proc
from producers.host.rows import Rows


class Memory:
    """Bytes of memory that are not available to a new program, of all."""

    name: Final = "memory"

    def look(self, _deltas: Deltas) -> Rows:
        """Return `system.memory.utilization`."""
        memory = psutil.virtual_memory()
        return Rows(resources={"system.memory.utilization": (memory.total - memory.available, memory.total)})


class Swap:
    """Bytes of swap space in use, of all; psutil would read /proc/vmstat as well for it."""

    name: Final = "swap"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, _deltas: Deltas) -> Rows:
        """Return `system.paging.utilization`; its whole is 0 on a machine without swap space."""
        total = self._proc.number("meminfo", b"SwapTotal:")
        free = self._proc.number("meminfo", b"SwapFree:")
        return Rows(resources={"system.paging.utilization": ((total - free) * 1024, total * 1024)})


class PageFaults:
    """Page faults that had to read a disk, of all."""

    name: Final = "page faults"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.paging.faults`."""
        major = deltas.rise("paging.major", self._proc.number("vmstat", b"pgmajfault "))
        faults = deltas.rise("paging.faults", self._proc.number("vmstat", b"pgfault "))
        if major is None or faults is None:
            return Rows()
        return Rows(faults={"system.paging.faults": (major, faults)})


class OomKills:
    """Processes killed for want of memory, of those started."""

    name: Final = "OOM kills"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.memory.oom_kills`."""
        killed = deltas.rise("oom.killed", self._proc.number("vmstat", b"oom_kill "))
        started = deltas.rise("oom.started", self._proc.number("stat", b"processes "))
        if killed is None or started is None:
            return Rows()
        return Rows(faults={"system.memory.oom_kills": (killed, started)})
