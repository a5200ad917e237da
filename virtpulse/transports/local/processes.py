"""Which process this is, and whether another one is certainly gone; Linux only, elsewhere nothing is certain."""

import os
from pathlib import Path
from typing import NamedTuple


class ProcessId(NamedTuple):
    """A process that no other can be taken for: the boot and PID namespace it lives in, its number, its start in ticks."""

    boot: str
    namespace: str
    number: int
    started: str

    def __str__(self) -> str:
        return " ".join(map(str, self))


def this_process() -> str:
    """Return what names this process, "" if the system does not tell."""
    here = _here()
    started = _started(os.getpid())
    return "" if here is None or started is None else str(ProcessId(*here, os.getpid(), started))


def is_gone(process: str) -> bool:
    """Return whether the process so named has certainly ended."""
    here = _here()
    fields = process.split(" ")
    if here is None or len(fields) != 4 or not fields[2].isdecimal():
        return False
    other = ProcessId(fields[0], fields[1], int(fields[2]), fields[3])
    if other.boot != here[0]:
        return True
    return other.namespace == here[1] and not _may_run(other)


def _may_run(process: ProcessId) -> bool:
    started = _started(process.number)
    if started is not None:
        return started == process.started
    try:
        state = Path(f"/proc/{process.number}").exists()
        os.kill(process.number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, in a /proc that hides it
        return True
    return not state


def _here() -> tuple[str, str] | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return None


def _started(number: int) -> str | None:
    """Return the start time of a running process in ticks since boot, None for one that ended or waits to be reaped."""
    try:
        state = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return None
    fields = state[state.rindex(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else fields[19].decode()
