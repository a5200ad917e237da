"""What the machine is."""

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from producers.host.facts import Facts
from producers.host.guard import Notices
from producers.host.virtualization import virtualization

DMI = "class/dmi/id"
CLOCK = "devices/system/clocksource/clocksource0/available_clocksource"


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, "none"),
        ({"cpuinfo": "processor : 0\nflags\t\t: fpu hypervisor sse"}, "unknown"),
        ({CLOCK: "tsc kvm-clock"}, "kvm"),
        ({f"{DMI}/sys_vendor": "QEMU", f"{DMI}/product_name": "Standard PC (Q35)", CLOCK: "kvm-clock tsc"}, "kvm"),
        ({f"{DMI}/sys_vendor": "QEMU", f"{DMI}/product_name": "Standard PC (Q35)", CLOCK: "tsc hpet"}, "qemu"),
        ({f"{DMI}/sys_vendor": "VMware, Inc.", f"{DMI}/product_name": "VMware7,1"}, "vmware"),
        ({f"{DMI}/sys_vendor": "innotek GmbH", f"{DMI}/product_name": "VirtualBox"}, "oracle"),
        ({f"{DMI}/sys_vendor": "Microsoft Corporation", f"{DMI}/product_name": "Virtual Machine"}, "microsoft"),
        ({f"{DMI}/sys_vendor": "Microsoft Corporation", f"{DMI}/product_name": "Surface Pro"}, "none"),
        ({f"{DMI}/sys_vendor": "Amazon EC2", CLOCK: "kvm-clock"}, "amazon"),
        ({f"{DMI}/sys_vendor": "Dell Inc.", f"{DMI}/product_name": "PowerEdge R750", CLOCK: "tsc hpet"}, "none"),
    ],
)
def test_the_hypervisor_is_told_by_what_anybody_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], kind: str
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert virtualization(write(tmp_path, files)) == kind


def test_the_facts_of_this_machine_are_the_ones_that_it_tells() -> None:
    facts = Facts(Notices(), Path("/sys")).get(0.0)
    assert facts["os.type"] == "linux"
    assert facts["host.memory"] == psutil.virtual_memory().total
    assert facts["host.cpu.count"] == psutil.cpu_count()
    assert facts["boot.time"] == pytest.approx(psutil.boot_time(), abs=5)
    assert {"host.name", "os.version", "virtualization"} <= facts.keys()


def test_a_guest_has_the_id_that_its_hypervisor_gave_it_and_a_host_has_none(tmp_path: Path) -> None:
    sysfs = write(tmp_path, {f"{DMI}/product_uuid": "5C2B0000-AAAA", f"{DMI}/sys_vendor": "VMware, Inc."})
    assert Facts(Notices(), sysfs).get(0.0)["vm.id"] == "5c2b0000-aaaa"
    write(tmp_path, {f"{DMI}/sys_vendor": "Dell Inc.", CLOCK: "tsc", "cpuinfo": "flags : fpu"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "PROCFS_PATH", str(write(tmp_path, {"meminfo": "", "stat": ""})))
        facts = Facts(Notices(), sysfs).get(0.0)
    assert "vm.id" not in facts
    assert not {"host.memory", "boot.time"} & facts.keys()


def test_facts_are_the_same_object_until_they_change_and_are_asked_seldom(tmp_path: Path) -> None:
    machine_id = tmp_path / "machine-id"
    machine_id.write_text("one\n")
    facts = Facts(Notices(), Path("/sys"), machine_id)
    first = facts.get(0.0)
    assert facts.get(61.0) is first
    machine_id.write_text("two\n")
    assert facts.get(62.0) is first
    assert (first["host.id"], facts.get(122.0)["host.id"]) == ("one", "two")


def test_the_time_of_the_boot_does_not_follow_the_clock_being_slewed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((1_700_000_000.0, 1_700_000_001.0, 1_700_000_900.0))
    monkeypatch.setattr(psutil, "boot_time", lambda: next(times))
    facts = Facts(Notices(), Path("/sys"))
    assert [facts.get(now)["boot.time"] for now in (0.0, 61.0, 122.0)] == [1_700_000_000, 1_700_000_000, 1_700_000_900]
