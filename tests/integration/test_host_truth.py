"""The samples of this machine hold against its /proc files, read at both ends of the same interval."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from producers.host.producer import HostProducer
from producers.host.settings import HostSettings
from virtpulse.clock import SystemClock
from virtpulse.messages.reading import read_sample
from virtpulse.messages.sample import MAPS, Pair, Sample
from virtpulse.runtime.outgoing import sample_messages

pytestmark = pytest.mark.slow

LOOKS = 4
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
Counts = Counter[str]


class Truth(NamedTuple):
    """Sums of the samples by key, and the counters as they stood before and after the first and the last look."""

    samples: list[Sample]
    sums: dict[str, Pair]
    before: tuple[Counts, Counts]
    after: tuple[Counts, Counts]

    def most(self, counter: str) -> int:
        """What the counter rose by from before the first look to after the last one."""
        return self.after[1][counter] - self.before[0][counter]

    def least(self, counter: str) -> int:
        """What it rose by from after the first look to before the last one."""
        return self.after[0][counter] - self.before[1][counter]

    def agrees(self, amount: float, counter: str, unit: float = 1.0) -> bool:
        """Whether an amount is what the counter rose by, within 2 %; `unit` is what one count stands for."""
        return self.least(counter) * unit * 0.98 - 1e-9 <= amount <= self.most(counter) * unit * 1.02 + 1e-9


def counters() -> Counts:
    """Read the counters that the samples are held against, without psutil."""
    counts: Counts = Counter()
    counts.update(dict(zip(MODES, map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]), strict=True)))
    for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
        nic, _, numbers = line.strip().rpartition(":")
        fields = [int(number) for number in numbers.split()]
        for way, at in (("receive", 0), ("transmit", 8)):
            for offset, what in enumerate(("bytes", "packets", "errors", "packet.dropped")):
                counts[f"{nic}.{way} {what}"] = fields[at + offset]
    for line in Path("/proc/diskstats").read_text().splitlines():
        disk, *figures = line.split()[2:]
        fields = [int(figure) for figure in figures]
        counts.update({f"{disk}.read bytes": fields[2] * 512, f"{disk}.write bytes": fields[6] * 512, f"{disk} busy": fields[9]})
        counts.update({f"{disk}.read count": fields[0], f"{disk}.read time": fields[3]})
        counts.update({f"{disk}.write count": fields[4], f"{disk}.write time": fields[7]})
    for path in Path("/proc/pressure").glob("[cim]*"):
        for share, total in re.findall(r"^(some|full) .*total=(\d+)", path.read_text(), re.MULTILINE):
            counts[f"{path.name}.{share}"] = int(total)
    return counts


@contextmanager
def busy_machine(folder: Path) -> Iterator[None]:
    """Keep one core busy, write to a disk, and send packets out of the default route's NIC if there is one."""
    spin = "while True: pass"
    write = f"import os\nf = open({str(folder / 'file')!r}, 'wb')\nwhile True: f.seek(0); f.write(bytes(1 << 20)); os.fsync(f)"
    children = [subprocess.Popen([sys.executable, "-c", code]) for code in (spin, write)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait(10)


def send_packets() -> None:
    """Send some packets to the router, whose discard port need not be open."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    gateways = [bytes.fromhex(route[2])[::-1] for route in routes if route[1] == "00000000"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for gateway in gateways[:1]:
            for _ in range(200):
                sock.sendto(bytes(1000), (socket.inet_ntoa(gateway), 9))


async def observe(folder: Path) -> Truth:
    producer = HostProducer(HostSettings(source="here"), SystemClock())
    samples: list[Sample] = []
    reads: list[tuple[Counts, Counts]] = []
    with busy_machine(folder):
        for number in range(LOOKS):
            before = counters()
            samples.append(await producer.look())
            reads.append((before, counters()))
            if number < LOOKS - 1:
                send_packets()
                await asyncio.sleep(1.0)
    sums: dict[str, Pair] = {}
    for sample in samples:
        for name in MAPS:
            rows: dict[str, Pair] = getattr(sample, name)
            for key, (part, whole) in rows.items():
                parts, wholes = sums.get(key, (0.0, 0.0))
                sums[key] = (parts + part, wholes + whole)
    return Truth(samples, sums, reads[0], reads[-1])


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Return what some seconds of a busy machine gave."""
    return asyncio.run(observe(tmp_path_factory.mktemp("disk")))


def rows_of(truth: Truth, metric: str) -> dict[str, Pair]:
    """Return the sums of a metric by device."""
    return {key.partition("@")[2]: pair for key, pair in truth.sums.items() if key.partition("@")[0] == metric}


def test_cpu_time_agrees_with_proc_stat_within_2_points(truth: Truth) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    whole = sum(truth.most(mode) for mode in MODES)
    part, sampled_whole = truth.sums["system.cpu.utilization"]
    busy = sum(truth.most(mode) for mode in ("user", "nice", "system", "irq", "softirq"))
    assert sampled_whole == pytest.approx(whole / ticks, rel=0.05)
    assert 100 * part / sampled_whole == pytest.approx(100 * busy / whole, abs=2)
    assert part > 0.5 * (LOOKS - 1) * 0.9, "one core was kept busy"
    for mode, (spent, of) in rows_of(truth, "system.cpu.utilization").items():
        if mode:
            assert 100 * spent / of == pytest.approx(100 * truth.most(mode) / whole, abs=2)


def test_memory_agrees_with_proc_meminfo_within_1_percent() -> None:
    sample = asyncio.run(HostProducer(HostSettings(source="here"), SystemClock()).look())
    meminfo = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in Path("/proc/meminfo").read_text().splitlines()}
    assert isinstance(sample.resources, dict)
    used, total = sample.resources["system.memory.utilization"]
    assert total == meminfo["MemTotal"]
    assert used == pytest.approx(total - meminfo["MemAvailable"], abs=0.01 * total)
    swapped, swap = sample.resources["system.paging.utilization"]
    assert swap == meminfo["SwapTotal"]
    assert swapped == pytest.approx(swap - meminfo["SwapFree"], abs=0.01 * swap)


def test_network_rows_agree_with_proc_net_dev_within_2_percent(truth: Truth) -> None:
    amounts = rows_of(truth, "system.network.io")
    nics = {line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]} - {"lo"}
    assert set(amounts) == {f"{nic}.{way}" for nic in nics for way in ("receive", "transmit")}
    for device, (moved, _) in amounts.items():
        assert truth.agrees(moved, f"{device} bytes"), device
    for metric in ("packet.dropped", "errors"):
        for device, (lost, of) in rows_of(truth, f"system.network.{metric}").items():
            assert truth.agrees(lost, f"{device} {metric}"), device
            assert truth.agrees(of - lost, f"{device} packets"), device


def test_disk_rows_agree_with_proc_diskstats_within_2_percent(truth: Truth) -> None:
    for device, (moved, _) in rows_of(truth, "system.disk.io").items():
        assert truth.agrees(moved, f"{device} bytes"), device
    for device, (spent, done) in rows_of(truth, "system.disk.operation_time").items():
        assert truth.agrees(spent, f"{device} time", 1e-3), device
        assert truth.agrees(done, f"{device} count"), device
    for device, (busy, _) in rows_of(truth, "system.disk.io_time").items():
        assert truth.agrees(busy, f"{device} busy", 1e-3), device


def test_pressure_rows_agree_with_proc_pressure_within_2_percent(truth: Truth) -> None:
    rows = rows_of(truth, "system.pressure")
    if Path("/proc/pressure/cpu").exists():
        assert set(rows) == {"cpu.some", "memory.some", "memory.full", "io.some", "io.full"}
    for device, (waited, whole) in rows.items():
        assert truth.agrees(waited, device, 1e-6), device
        assert whole == pytest.approx(sum(sample.interval for sample in truth.samples[1:] if isinstance(sample.interval, float)))


def test_the_samples_pass_the_checks_that_all_samples_from_outside_must_pass(truth: Truth) -> None:
    for sample in truth.samples:
        (message,) = sample_messages([sample])
        assert read_sample(message.value).source == "here"
