"""The host producer, on fake /proc trees in cases/host and on this machine."""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from producers.host.guard import Notices
from producers.host.mounts import Mounts
from producers.host.producer import HostProducer
from producers.host.settings import HostSettings
from virtpulse.catalogue import split_key
from virtpulse.catalogue.machine import MACHINE_FACTS, MACHINE_METRICS
from virtpulse.messages.codec import encode
from virtpulse.messages.reading import read_sample
from virtpulse.messages.sample import MAPS, Sample
from virtpulse.units import Duration

CASES = Path(__file__).parent / "cases" / "host"
NAMES = sorted(path.name for path in CASES.iterdir())
STATVFS = os.statvfs_result((4096, 4096, 3000, 2000, 1000, 1000, 900, 900, 0, 255))


class SteppedClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 50.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return 1.7e9 + self.now

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds


Look = Callable[[str], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Make psutil and the producer look at a tree of a case instead of /proc."""
    return lambda tree: monkeypatch.setattr(psutil, "PROCFS_PATH", str(CASES / tree))


def producer_of(case: str, clock: SteppedClock, settings: HostSettings | None = None) -> HostProducer:
    mounts = Mounts(Notices(), lambda _: STATVFS, limit=10)
    return HostProducer(settings or HostSettings(source="here"), clock, CASES / case / "sys", mounts)


def maps_of(sample: Sample) -> dict[str, Any]:
    document = json.loads(encode(sample))
    return {name: document.get(name, {}) for name in MAPS}


def close(maps: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: pytest.approx(pair) for key, pair in rows.items()} for name, rows in maps.items()}


@pytest.mark.parametrize("case", NAMES)
async def test_two_looks_at_a_machine_give_the_rows_of_the_case(case: str, at: Look) -> None:
    expected = json.loads((CASES / case / "expected.json").read_text())
    clock = SteppedClock()
    producer = producer_of(case, clock)
    with capture_logs() as logs:
        at(f"{case}/before")
        first = await producer.look()
        at(f"{case}/after")
        clock.now += expected.get("dt", 2.0)
        second = await producer.look()
    assert maps_of(first) == close(expected["first"])
    assert maps_of(second) == close(expected["second"])
    assert sorted(log["what"] for log in logs) == expected["left_out"]


async def test_a_machine_that_has_it_all_gives_every_row_and_fact_of_the_catalogue_in_its_family(at: Look) -> None:
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    for tree in ("everything/before", "everything/after"):
        at(tree)
        clock.now += 2
        sample = await producer.look()
    given = {(name, split_key(key)[0]) for name, rows in maps_of(sample).items() for key in rows}
    assert given == {(entry.family, entry.name) for entry in MACHINE_METRICS}
    assert isinstance(sample.facts, dict)
    assert sample.facts.keys() <= {fact.name for fact in MACHINE_FACTS}


async def test_a_sample_says_when_it_was_taken_and_how_long_its_interval_is(at: Look) -> None:
    at("everything/before")
    clock = SteppedClock()
    producer = producer_of("everything", clock, HostSettings(interval=Duration(5), source="kvm-1/web"))
    first = await producer.look()
    clock.now += 5.25
    second = await producer.look()
    assert (first.source, first.time, first.interval) == ("kvm-1/web", 1.7e9 + 50, 5.0)
    assert (second.time, second.interval) == (1.7e9 + 55.25, 5.25)
    assert first.facts is second.facts


async def test_samples_come_at_once_and_then_on_the_schedule(at: Look) -> None:
    at("everything/before")
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    times: list[float] = []
    with capture_logs() as logs:
        async with aclosing(producer.samples()) as samples:
            async for (sample,) in samples:
                times.append(sample.time - 1.7e9)
                if len(times) in {2, 4}:
                    clock.now += 2.5
                if len(times) == 5:
                    break
    assert times == [50, 51, 54, 55, 58]
    assert [entry["ticks"] for entry in logs if "skipped" in entry["event"]] == [2]


async def test_after_a_suspend_the_rates_start_anew_and_it_is_said(at: Look) -> None:
    at("everything/before")
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    first = await producer.look()
    clock.now += 7_200
    with capture_logs() as logs:
        resumed = await producer.look()
    clock.now += 1
    after = await producer.look()
    assert [log["seconds"] for log in logs] == [7_200]
    assert (maps_of(resumed), resumed.interval) == (maps_of(first), 1.0)
    assert "system.cpu.utilization" in maps_of(after)["resources"]


async def test_a_nic_whose_speed_is_known_has_it_as_its_whole(at: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def speeds() -> dict[str, SimpleNamespace]:
        asked.append(1)
        return {"test0": SimpleNamespace(speed=1000, flags="up,running"), "lo": SimpleNamespace(speed=0, flags="up,loopback")}

    monkeypatch.setattr(psutil, "net_if_stats", speeds)
    at("everything/before")
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    await producer.look()
    at("everything/after")
    clock.now += 2
    assert maps_of(await producer.look())["resources"]["system.network.io@test0.receive"] == [5000, 250_000_000]
    at("plugged/after")
    clock.now += 2
    await producer.look()
    assert len(asked) == 2, "link speeds are asked for again only when the NICs changed"


async def test_speeds_that_cannot_be_asked_for_leave_the_amounts(at: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(psutil, "net_if_stats", refused)
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    with capture_logs() as logs:
        for tree in ("everything/before", "everything/after"):
            at(tree)
            clock.now += 2
            sample = await producer.look()
    assert maps_of(sample)["resources"]["system.network.io@test0.receive"] == [5000, 0]
    assert [log["what"] for log in logs] == ["speed of the network interfaces"]


async def test_a_machine_that_tells_nothing_still_gives_samples_and_each_lack_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    producer = HostProducer(HostSettings(), SteppedClock(), tmp_path)
    with capture_logs() as logs:
        samples = [await producer.look() for _ in range(3)]
    assert all(rows == {} for sample in samples for rows in maps_of(sample).values())
    said = [log["what"] for log in logs]
    assert len(said) == len(set(said)) >= 12


async def test_excluded_devices_and_types_have_no_rows_and_included_types_have(at: Look) -> None:
    at("everything/before")
    settings = HostSettings(
        exclude_filesystems=("/mnt/*",), exclude_filesystem_types=(), include_filesystem_types=("tmpfs",), exclude_disks=("sd*",)
    )
    clock = SteppedClock()
    producer = producer_of("everything", clock, settings)
    await producer.look()
    clock.now += 1
    resources = maps_of(await producer.look())["resources"]
    mounts = {key.partition("@")[2] for key in resources if key.startswith("system.filesystem.utilization")}
    assert mounts == {"/", "/snap/core", "/run"}
    assert not any(key.startswith("system.disk") for key in resources)


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 50, b"cpu  a b c\n", b"a\n" * 1000, b"Tcp: 1\nTcp: 2 3\n"])
async def test_files_of_another_form_than_expected_never_stop_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    for path in (CASES / "everything/before").rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(CASES / "everything/before")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(garbage)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    clock = SteppedClock()
    producer = producer_of("everything", clock)
    await producer.look()
    clock.now += 1
    assert (await producer.look()).source == "here"


@pytest.mark.parametrize(
    ("file", "label", "amount", "lacks"),
    [
        ("meminfo", "MemTotal", "9" * 30, {"system.memory.utilization"}),
        ("meminfo", "SwapTotal", "-5", {"system.paging.utilization"}),
    ],
)
async def test_a_number_that_cannot_be_costs_only_its_own_rows(  # noqa: PLR0917 the case, and what it needs
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, label: str, amount: str, lacks: set[str]
) -> None:
    shutil.copytree(CASES / "everything/before", tmp_path / "proc")
    content = (tmp_path / "proc" / file).read_text()
    (tmp_path / "proc" / file).write_text(re.sub(rf"(?m)^{label}:\s+\S+", f"{label}: {amount}", content))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    clock = SteppedClock()
    whole, odd = producer_of("everything", clock), read_sample(encode(await producer_of("everything", clock).look()))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(CASES / "everything/before"))
    usual = read_sample(encode(await whole.look()))
    assert {*maps_of(usual)["resources"]} - {*maps_of(odd)["resources"]} == lacks
