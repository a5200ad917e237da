"""What the kernel has a fixed number of: process ids and file handles."""

from typing import Final

from producers.host.deltas import Deltas
from producers.host.procfs import Proc
from producers.host.rows import Rows


class ProcessLimit:
    """Processes and threads, of as many as the kernel allows."""

    name: Final = "process limit"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, _deltas: Deltas) -> Rows:
        """Return `system.process.limit`."""
        threads = int(self._proc.read("loadavg").split()[3].partition(b"/")[2])
        allowed = min(int(self._proc.read(f"sys/kernel/{name}")) for name in ("threads-max", "pid_max"))
        return Rows(resources={"system.process.limit": (threads, allowed)})


class FileHandles:
    """Open file handles, of as many as the kernel allows."""

    name: Final = "file handles"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, _deltas: Deltas) -> Rows:
        """Return `system.file.handles`."""
        allocated, unused, allowed = map(int, self._proc.read("sys/fs/file-nr").split())
        return Rows(resources={"system.file.handles": (allocated - unused, allowed)})
