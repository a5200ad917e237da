"""Pressure stall information: how long tasks waited for want of a resource."""

import re
from collections.abc import Sequence
from typing import Final

from producers.host.deltas import Deltas
from producers.host.procfs import Proc
from producers.host.rows import Rows

_TOTAL: Final = re.compile(rb"^(some|full) .*\btotal=(\d+)", re.MULTILINE)


class Pressure:
    """Seconds in which some or all tasks waited for one resource, of all seconds."""

    def __init__(self, resource: str, shares: Sequence[str], proc: Proc) -> None:
        self.name = f"pressure of {resource}"
        self._resource = resource
        self._shares = shares
        self._proc = proc

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.pressure` of the resource."""
        totals = dict(_TOTAL.findall(self._proc.read(f"pressure/{self._resource}")))
        rows = Rows()
        for share in self._shares:
            device = f"{self._resource}.{share}"
            waited = deltas.rise(f"pressure.{device}", int(totals[share.encode()]))
            if waited is not None and deltas.dt is not None:
                rows.resources[f"system.pressure@{device}"] = (waited / 1e6, deltas.dt)
        return rows
