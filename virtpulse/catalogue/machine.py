"""What a machine measures of itself: names are OpenTelemetry's where it has one."""

from typing import Final

from virtpulse.catalogue.entries import DISK, DISK_WAY, NIC_WAY, Fact, Metric

_MOUNT: Final = ("system.filesystem.mountpoint",)

_RESOURCES: Final = (
    Metric("system.cpu.utilization", "resources", "s", "CPU time not idle; of one mode with @mode", "CPU time", ("cpu.mode",)),
    Metric("system.memory.utilization", "resources", "By", "memory that is not available", "memory installed"),
    Metric("system.paging.utilization", "resources", "By", "swap used", "swap"),
    Metric("system.filesystem.utilization", "resources", "By", "bytes used", "bytes used and free for users", _MOUNT),
    Metric("system.filesystem.inodes", "resources", "{inode}", "inodes used", "inodes", _MOUNT),
    Metric("system.disk.io_time", "resources", "s", "time with an operation under way", "time", DISK),
    Metric("system.disk.io", "resources", "By", "bytes read or written", "not known", DISK_WAY),
    Metric("system.network.io", "resources", "By", "bytes", "link speed times time, where known", NIC_WAY),
    Metric("system.process.limit", "resources", "{thread}", "processes and threads", "the most that the kernel allows"),
    Metric("system.file.handles", "resources", "{handle}", "file handles open", "the most that the kernel allows"),
    Metric(
        "system.pressure", "resources", "s", "time that some or all tasks waited for it", "time",
        ("pressure.resource", "pressure.share"),
    ),
)  # fmt: skip
_PERFORMANCE: Final = (
    Metric("system.cpu.frequency", "performance", "Hz", "sum of the current clocks", "sum of the highest clocks"),
)
_FAULTS: Final = (
    Metric("system.network.packet.dropped", "faults", "{packet}", "packets dropped", "packets, dropped ones too", NIC_WAY),
    Metric("system.network.errors", "faults", "{packet}", "packets with an error", "packets, wrong ones too", NIC_WAY),
    Metric("system.network.tcp.retransmits", "faults", "{segment}", "TCP segments sent again", "TCP segments sent"),
    Metric("system.network.tcp.failed", "faults", "{connection}", "TCP connection attempts failed", "TCP connection attempts"),
    Metric("system.paging.faults", "faults", "{fault}", "page faults that read from disk", "page faults"),
    Metric("system.memory.oom_kills", "faults", "{process}", "processes killed for want of memory", "processes started"),
)
_TIMINGS: Final = (
    Metric("system.disk.operation_time", "timings", "s", "seconds that operations took", "operations", DISK_WAY),
)  # fmt: skip
MACHINE_METRICS: Final = (*_RESOURCES, *_PERFORMANCE, *_FAULTS, *_TIMINGS)

MACHINE_FACTS: Final = (
    Fact("host.name", "the machine's name"),
    Fact("host.id", "the machine's id, as in /etc/machine-id"),
    Fact("os.type", "the kind of operating system, as `linux`"),
    Fact("os.version", "the version of the operating system"),
    Fact("host.cpu.count", "logical CPUs"),
    Fact("host.memory", "memory installed, in bytes"),
    Fact("virtualization", "what the machine runs in, as `kvm` or `vmware`; `none` on bare metal"),
    Fact("vm.id", "the virtual machine's UUID, where it can be seen"),
    Fact("boot.time", "when the machine was started, in seconds since the epoch"),
)
