"""Under which hypervisor this machine runs, by what an unprivileged program can read."""

from pathlib import Path
from typing import Final

import psutil

NONE: Final = "none"
UNKNOWN: Final = "unknown"

_CLOCKS: Final = {"kvm-clock": "kvm", "xen": "xen", "hyperv_clocksource_tsc_page": "microsoft", "hyperv_clocksource": "microsoft"}
_FIRMWARE: Final = {
    "amazon ec2": "amazon",
    "google compute engine": "google",
    "kvm": "kvm",
    "openstack": "kvm",
    "qemu": "qemu",
    "vmware": "vmware",
    "virtualbox": "oracle",
    "innotek": "oracle",
    "xen": "xen",
    "hvm domu": "xen",
    "bhyve": "bhyve",
    "parallels": "parallels",
    "apple virtualization": "apple",
}
_DMI_NAMES: Final = ("product_name", "sys_vendor", "board_vendor", "bios_vendor")


def virtualization(sysfs: Path) -> str:
    """Return the kind of hypervisor, in systemd-detect-virt's words; `none` on bare metal."""
    return _by_firmware(sysfs) or _by_clock(sysfs) or _by_flag()


def vm_id(sysfs: Path) -> str | None:
    """Return the UUID that the hypervisor gave this machine; None where it is not shown, as to anybody but root."""
    return read(sysfs / "class/dmi/id/product_uuid").lower() or None


def read(path: Path) -> str:
    """Return the text of a small file without its end of line; empty where it can't be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _by_firmware(sysfs: Path) -> str | None:
    names = [read(sysfs / "class/dmi/id" / name).lower() for name in _DMI_NAMES]
    for mark, kind in _FIRMWARE.items():
        if any(name.startswith(mark) for name in names):
            # QEMU's firmware looks the same with and without KVM; the clock that it offers differs
            return (_by_clock(sysfs) or kind) if kind == "qemu" else kind
    if names[0] == "virtual machine" and names[1].startswith("microsoft"):
        return "microsoft"
    return None


def _by_clock(sysfs: Path) -> str | None:
    offered = read(sysfs / "devices/system/clocksource/clocksource0/available_clocksource").split()
    return next((_CLOCKS[clock] for clock in offered if clock in _CLOCKS), None)


def _by_flag() -> str:
    """Return `unknown` where the CPU says that there is a hypervisor, else `none`."""
    flags = next((line for line in read(Path(psutil.PROCFS_PATH, "cpuinfo")).splitlines() if line.startswith("flags")), "")
    return UNKNOWN if "hypervisor" in flags.split() else NONE
