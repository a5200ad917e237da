"""What a hypervisor measures of its virtual machines: shaped like OpenTelemetry's `container.*`, which has no `vm.*`.

The facts `host.name` and `vm.id` mean the same as in the samples that a machine takes of itself.
"""

from typing import Final

from virtpulse.catalogue.entries import DISK, DISK_WAY, NIC_WAY, Fact, Metric

_RESOURCES: Final = (
    Metric("vm.cpu.utilization", "resources", "s", "CPU time used", "virtual CPUs times time"),
    Metric("vm.vcpu.utilization", "resources", "s", "time that the virtual CPU ran", "time", ("cpu.logical_number",)),
    Metric("vm.memory.utilization", "resources", "By", "guest memory that is not usable", "guest memory available"),
    Metric("vm.memory.rss", "resources", "By", "host memory in use for the guest", "the most the guest may have"),
    Metric("vm.disk.allocation", "resources", "By", "host bytes in use for the disk", "the disk's capacity", DISK),
    Metric("vm.disk.io", "resources", "By", "bytes read or written", "the I/O limit times time, where one is set", DISK_WAY),
    Metric("vm.network.io", "resources", "By", "bytes, as the guest sees them", "not known", NIC_WAY),
)
_PERFORMANCE: Final = (
    Metric("vm.cpu.delivered", "performance", "s", "time that virtual CPUs ran", "time that they ran or waited to run"),
    Metric("vm.disk.operations", "performance", "{operation}", "operations", "their limit times time, where one is set", DISK),
)
_FAULTS: Final = (
    Metric("vm.cpu.ready", "faults", "s", "time that virtual CPUs waited to run", "virtual CPUs times time"),
    Metric("vm.network.packet.dropped", "faults", "{packet}", "packets dropped", "packets, dropped ones too", NIC_WAY),
    Metric("vm.network.errors", "faults", "{packet}", "packets with an error", "packets, wrong ones too", NIC_WAY),
    Metric("vm.paging.faults", "faults", "{fault}", "page faults that read from disk", "page faults"),
    Metric("vm.disk.errors", "faults", "{error}", "I/O errors reported", "operations, failed ones too", DISK),
    Metric("vm.lifecycle", "faults", "{event}", "crashes, panics, failures, I/O errors, watchdogs", "lifecycle events"),
    Metric("vm.monitor.timeouts", "faults", "{call}", "looks not answered in time", "looks"),
)
_TIMINGS: Final = (
    Metric("vm.disk.operation_time", "timings", "s", "seconds that operations took", "operations", DISK_WAY),
)  # fmt: skip
GUEST_METRICS: Final = (*_RESOURCES, *_PERFORMANCE, *_FAULTS, *_TIMINGS)

GUEST_FACTS: Final = (
    Fact("vm.name", "the virtual machine's name"),
    Fact("vm.state", "its state, as `running` or `paused`"),
    Fact("vm.state.reason", "why it is in that state"),
    Fact("vm.vcpu.count", "virtual CPUs"),
    Fact("vm.memory.limit", "memory that it may use, in bytes"),
    Fact("hypervisor", "the hypervisor and its version"),
    Fact("vm.disk.devices", "its disks, and what they lie on"),
    Fact("vm.network.interfaces", "its network interfaces: the guest's name, MAC address, and the host's device"),
)
