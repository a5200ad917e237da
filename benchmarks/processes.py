"""Processes that are measured: started, looked at through /proc, and ended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")
_MIB: Final = 1 << 20
_END_WITHIN: Final = 15.0

Process = subprocess.Popen[bytes]


def virtpulse(log: Path, *arguments: str) -> list[str]:
    """Return the command line of a `virtpulse` command on the log at a path."""
    return [sys.executable, "-m", "virtpulse", *arguments, "--transport", f"local:{log}", "--log-format", "json"]


def program(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of the benchmarks' own programs."""
    return [sys.executable, "-m", f"benchmarks.programs.{name}", *arguments]


@contextmanager
def running(command: Sequence[str]) -> Iterator[Process]:
    """Start a process and end it in the end; its standard output is a pipe, its logs are dropped."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in user and system mode, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def thread_cpu_seconds(pid: int) -> float:
    """Return the CPU time of the threads that a process has now: to the nanosecond, where `cpu_seconds` counts ticks."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident_memory(pid: int) -> float:
    """Return the resident memory of a process in MiB; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / _MIB
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def peak_memory(pid: int | str) -> float:
    """Return the most that was resident of a process since its start, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def memory_growth(command: Sequence[str], within: float) -> float:
    """Run a command to its end and return by how many MiB its memory's peak rose after the first quarter of its run.

    Raises subprocess.CalledProcessError if it fails, TimeoutError if it takes more than `within` seconds.
    """
    looks: list[float] = []
    until = time.monotonic() + within
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            looks.append(resident_memory(process.pid))
            time.sleep(0.02)
            if time.monotonic() > until:
                process.kill()
                msg = f"{' '.join(command)} took more than {within:g} s"
                raise TimeoutError(msg)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    quarter = len(looks) // 4
    return max(0.0, max(looks[quarter:]) - max(looks[: quarter + 1]))
