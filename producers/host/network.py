"""Network interfaces: what they move, drop and fail at; and TCP."""

from typing import Final, NamedTuple

import psutil

from producers.host.deltas import Deltas
from producers.host.devices import Devices
from producers.host.guard import UNREADABLE, Notices
from producers.host.procfs import Proc
from producers.host.rows import Rows
from producers.host.slow import Slow

_REFRESH: Final = 30.0  # seconds
_UNKNOWN_SPEEDS: Final = (0, 65_535)  # Mbit/s; the second is what old drivers say for -1


class _Links(NamedTuple):
    """Bytes a second of the NICs whose speed is known, and which NICs are the loopback."""

    speeds: dict[str, float]
    loopbacks: frozenset[str]


class Nics:
    """Counters of each network interface but the loopback."""

    name: Final = "network interfaces"

    def __init__(self, devices: Devices, notices: Notices) -> None:
        self._devices = devices
        self._notices = notices
        self._links = Slow(self._ask, _REFRESH)

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.network.io`, `system.network.packet.dropped` and `system.network.errors` of each NIC."""
        counters = psutil.net_io_counters(pernic=True, nowrap=False)  # nowrap would hide a reset
        links = self._links.get(deltas.now, tuple(counters))
        rows = Rows()
        for name, device in self._devices.choose([name for name in counters if name not in links.loopbacks]):
            nic = counters[name]
            capacity = links.speeds.get(name, 0.0) * (deltas.dt or 0.0)
            for way, moved, packets, dropped, errors in (
                ("receive", nic.bytes_recv, nic.packets_recv, nic.dropin, nic.errin),
                ("transmit", nic.bytes_sent, nic.packets_sent, nic.dropout, nic.errout),
            ):
                counter = f"nic.{name}.{way}"
                key = f"{device}.{way}"
                amount = deltas.rise(f"{counter}.bytes", moved)
                passed = deltas.rise(f"{counter}.packets", packets)
                if amount is not None:
                    rows.resources[f"system.network.io@{key}"] = (amount, capacity)
                for metric, lost in (("packet.dropped", dropped), ("errors", errors)):
                    faults = deltas.rise(f"{counter}.{metric}", lost)
                    if faults is not None and passed is not None:
                        rows.faults[f"system.network.{metric}@{key}"] = (faults, passed + faults)
        return rows

    def _ask(self) -> _Links:
        try:
            links = psutil.net_if_stats()
        except UNREADABLE as error:
            self._notices.left_out("speed of the network interfaces", error)
            return _Links({}, frozenset({"lo"}))
        speeds = {name: link.speed * 1e6 / 8 for name, link in links.items() if link.speed not in _UNKNOWN_SPEEDS}
        loopbacks = {name for name, link in links.items() if "loopback" in link.flags.split(",")}
        return _Links(speeds, frozenset(loopbacks | {"lo"}))


class Tcp:
    """TCP over IPv4 and IPv6."""

    name: Final = "TCP"

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def look(self, deltas: Deltas) -> Rows:
        """Return `system.network.tcp.retransmits` and `system.network.tcp.failed`."""
        names, values = (line.split() for line in self._proc.read("net/snmp").splitlines() if line.startswith(b"Tcp:"))
        tcp = dict(zip(names, values, strict=True))
        retransmitted = deltas.rise("tcp.retransmitted", int(tcp[b"RetransSegs"]))
        sent = deltas.rise("tcp.sent", int(tcp[b"OutSegs"]))
        failed = deltas.rise("tcp.failed", int(tcp[b"AttemptFails"]))
        attempts = deltas.rise("tcp.attempts", int(tcp[b"ActiveOpens"]) + int(tcp[b"PassiveOpens"]))
        rows = Rows()
        if retransmitted is not None and sent is not None:
            rows.faults["system.network.tcp.retransmits"] = (retransmitted, sent)
        if failed is not None and attempts is not None:
            rows.faults["system.network.tcp.failed"] = (failed, attempts)
        return rows
