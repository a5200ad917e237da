"""How fast the CPUs run, of how fast they could, from sysfs (psutil reads three files a CPU where one a policy will do)."""

from pathlib import Path
from typing import Final, NamedTuple

import psutil

from producers.host.deltas import Deltas
from producers.host.rows import Rows
from producers.host.slow import Slow

_REFRESH: Final = 60.0  # seconds


class _Policy(NamedTuple):
    """CPUs that share a clock: where its frequency stands, how many CPUs, and their maximum in kHz."""

    path: Path
    cpus: int
    maximum: int


class Frequency:
    """Clock frequencies, summed over the CPUs that are on; where the maximum is unknown, as in most guests, the whole is 0."""

    name: Final = "cpu frequency"

    def __init__(self, sysfs: Path) -> None:
        self._root = sysfs / "devices/system/cpu/cpufreq"
        self._policies = Slow(self._find, _REFRESH)
        self._cpuinfo = Slow(_of_cpuinfo, _REFRESH)

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.cpu.frequency` in Hz."""
        current = maximum = 0
        for policy in self._policies.get(deltas.now):
            current += int(policy.path.read_bytes()) * policy.cpus
            maximum += policy.maximum * policy.cpus
        clocks = (current * 1e3, maximum * 1e3) if maximum else (self._cpuinfo.get(deltas.now), 0.0)
        return Rows(performance={"system.cpu.frequency": clocks} if clocks[0] else {})

    def _find(self) -> list[_Policy]:
        return [
            _Policy(folder / "scaling_cur_freq", cpus, int((folder / "cpuinfo_max_freq").read_bytes()))
            for folder in sorted(self._root.glob("policy[0-9]*"))
            if (cpus := len((folder / "affected_cpus").read_bytes().split()))
        ]


def _of_cpuinfo() -> float:
    """Return the sum of the clocks in /proc/cpuinfo, in Hz, which hardly move without cpufreq; 0 where it has none."""
    try:
        return sum(clock.current for clock in psutil.cpu_freq(percpu=True)) * 1e6
    except (FileNotFoundError, NotImplementedError):
        return 0.0
