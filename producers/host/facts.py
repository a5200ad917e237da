"""What the machine is: facts that change seldom or never."""

import platform
import socket
from pathlib import Path
from typing import Final

import psutil

from producers.host.guard import UNREADABLE, Notices
from producers.host.slow import Slow
from producers.host.virtualization import NONE, read, virtualization, vm_id
from virtpulse.messages import bounds
from virtpulse.messages.sample import Fact

_REFRESH: Final = 60.0  # seconds
_STEADY: Final = 5.0  # seconds by which the time of the boot may wander while the clock is being set


class Facts:
    """The facts of this machine, the same object for as long as they are the same."""

    def __init__(self, notices: Notices, sysfs: Path, machine_id: Path = Path("/etc/machine-id")) -> None:
        self._notices = notices
        self._sysfs = sysfs
        self._machine_id = machine_id
        self._facts: dict[str, Fact] = {}
        self._slow = Slow(self._refresh, _REFRESH)

    def get(self, now: float) -> dict[str, Fact]:
        """Return the facts as they are at `now` by the monotonic clock; what can't be read is left out."""
        return self._slow.get(now)

    def _refresh(self) -> dict[str, Fact]:
        kind = virtualization(self._sysfs)
        asked: dict[str, Fact | None] = {
            "host.name": socket.gethostname()[: bounds.MAX_FACT_CHARS],
            "host.id": read(self._machine_id)[: bounds.MAX_FACT_CHARS],
            "os.type": platform.system().lower(),
            "os.version": _os_version()[: bounds.MAX_FACT_CHARS],
            "host.cpu.count": psutil.cpu_count(),
            "host.memory": self._memory(),
            "virtualization": kind,
            "vm.id": None if kind == NONE else vm_id(self._sysfs),
            "boot.time": self._boot_time(),
        }
        facts = {name: fact for name, fact in asked.items() if fact and self._can_be_sent(name, fact)}
        if facts != self._facts:
            self._facts = facts
        return self._facts

    def _can_be_sent(self, name: str, fact: Fact) -> bool:
        if isinstance(fact, int) and not 0 <= fact <= bounds.MAX_FACT:
            self._notices.left_out(f"fact {name}", f"it cannot be {float(fact):g}")
            return False
        return True

    def _memory(self) -> int | None:
        try:
            return psutil.virtual_memory().total
        except UNREADABLE as error:
            self._notices.left_out("fact host.memory", error)
            return None

    def _boot_time(self) -> int | None:
        try:
            booted = int(psutil.boot_time())
        except UNREADABLE as error:
            self._notices.left_out("fact boot.time", error)
            return None
        before = self._facts.get("boot.time")
        return before if isinstance(before, int) and abs(booted - before) <= _STEADY else booted


def _os_version() -> str:
    """Return the distribution's version; the kernel's where there is none, as on a rolling release."""
    try:
        version = platform.freedesktop_os_release().get("VERSION_ID", "")
    except OSError:
        version = ""
    return version or platform.release()
