"""The metric catalogue: OpenTelemetry's names where it has them, well-formed names and units everywhere."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import pytest
from opentelemetry.semconv._incubating import attributes
from opentelemetry.semconv._incubating.metrics import system_metrics

from virtpulse.catalogue import FACTS, METRICS, metric, split_key
from virtpulse.messages import bounds
from virtpulse.messages.sample import MAPS

# UCUM, of what this project measures: seconds, bytes, hertz, or a count of something in the singular
UNIT = re.compile(r"s|By|Hz|\{[a-z]+(?:ss|[a-rt-z])\}")

NOT_IN_OPENTELEMETRY = {
    "system.filesystem.inodes": "OpenTelemetry knows bytes of a file system only",
    "system.file.handles": "OpenTelemetry knows a process's open files only, not the machine's",
    "system.pressure": "OpenTelemetry has no pressure stall information",
    "system.network.tcp.retransmits": "OpenTelemetry has nothing of TCP's counters",
    "system.network.tcp.failed": "OpenTelemetry has nothing of TCP's counters",
    "system.memory.oom_kills": "OpenTelemetry has no count of processes killed for want of memory",
}
# what a utilization is a share of; OpenTelemetry's unit of the ratio itself is 1, ours is that of the two amounts
AMOUNT_OF = {
    "system.cpu.utilization": "system.cpu.time",
    "system.memory.utilization": "system.memory.usage",
    "system.paging.utilization": "system.paging.usage",
    "system.filesystem.utilization": "system.filesystem.usage",
}
OTHER_UNIT = {"system.network.errors": "part and whole share a unit, and the whole counts packets"}
OTHER_ATTRIBUTE = {
    "pressure.resource": "OpenTelemetry has no pressure stall information",
    "pressure.share": "OpenTelemetry has no pressure stall information",
    "log.unit": "OpenTelemetry has no name for a unit of a journal",
    "probe.name": "OpenTelemetry has no probes",
}
OTHER_FACT = {
    "host.cpu.count": "OpenTelemetry has it as a metric only",
    "host.memory": "OpenTelemetry has it as a metric only",
    "virtualization": "OpenTelemetry does not say what a machine runs in",
    "boot.time": "OpenTelemetry has the time since then as a metric only",
    "hypervisor": "OpenTelemetry has no virtual machines",
}


def _opentelemetry_units() -> dict[str, str]:
    """Return the unit of each metric of the package, as the functions that make the metrics give it."""
    made = re.findall(r'name=([A-Z_]+),.*?unit="([^"]+)"', inspect.getsource(system_metrics), re.DOTALL)
    return {getattr(system_metrics, constant): unit for constant, unit in made}


def _opentelemetry_attributes() -> set[str]:
    modules = [
        importlib.import_module(f"{attributes.__name__}.{found.name}") for found in pkgutil.iter_modules(attributes.__path__)
    ]
    return {value for module in modules for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}


SYSTEM = sorted(name for name in METRICS if name.startswith("system."))


@pytest.mark.parametrize("name", SYSTEM)
def test_a_system_metric_is_opentelemetrys_or_is_named_as_ours(name: str) -> None:
    assert (name in _opentelemetry_units()) != (name in NOT_IN_OPENTELEMETRY)


@pytest.mark.parametrize("name", sorted(set(SYSTEM) - set(NOT_IN_OPENTELEMETRY) - set(OTHER_UNIT)))
def test_a_metric_of_opentelemetry_has_its_unit(name: str) -> None:
    assert METRICS[name].unit == _opentelemetry_units()[AMOUNT_OF.get(name, name)]


def test_every_exception_is_still_one() -> None:
    units = _opentelemetry_units()
    assert set(NOT_IN_OPENTELEMETRY) <= set(METRICS)
    assert all(units[name] == "1" for name in AMOUNT_OF)
    assert all(METRICS[name].unit != units[name] for name in OTHER_UNIT)
    assert not _opentelemetry_attributes() & {*OTHER_ATTRIBUTE, *OTHER_FACT}
    assert set(OTHER_ATTRIBUTE) <= {attribute for entry in METRICS.values() for attribute in entry.device}


def test_devices_are_attributes_of_opentelemetry_where_it_has_them() -> None:
    used = {attribute for entry in METRICS.values() for attribute in entry.device}
    assert used - set(OTHER_ATTRIBUTE) <= _opentelemetry_attributes()


def test_facts_are_attributes_of_opentelemetry_where_it_has_them() -> None:
    ours = {name for name in FACTS if name.startswith("vm.")}  # as with metrics, OpenTelemetry has no virtual machines
    assert set(FACTS) - ours - set(OTHER_FACT) <= _opentelemetry_attributes()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_an_entry_is_well_formed(name: str) -> None:
    entry = METRICS[name]
    assert bounds.METRIC_NAME.fullmatch(entry.name)
    assert UNIT.fullmatch(entry.unit)
    assert entry.family in MAPS
    assert entry.part
    assert entry.whole


def test_fact_names_are_well_formed() -> None:
    assert all(bounds.METRIC_NAME.fullmatch(name) and fact.meaning for name, fact in FACTS.items())


def test_no_name_stands_twice_in_the_catalogue() -> None:
    from virtpulse.catalogue import checks, guest, machine  # noqa: PLC0415 the parts, which only this test looks at

    assert len(METRICS) == len(machine.MACHINE_METRICS) + len(guest.GUEST_METRICS) + len(checks.CHECK_METRICS)
    assert len(FACTS) == len(machine.MACHINE_FACTS) + len(guest.GUEST_FACTS)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("system.cpu.utilization", ("system.cpu.utilization", "")),
        ("vm.disk.io@vda.read", ("vm.disk.io", "vda.read")),
        ("system.filesystem.utilization@/mnt/a@b", ("system.filesystem.utilization", "/mnt/a@b")),
        ("", ("", "")),
    ],
)
def test_a_key_is_split_at_its_first_at_sign(key: str, expected: tuple[str, str]) -> None:
    assert split_key(key) == expected


def test_a_metric_is_found_by_its_key_with_or_without_a_device() -> None:
    assert metric("system.disk.io@sda.read") is METRICS["system.disk.io"]
    assert metric("system.cpu.utilization") is METRICS["system.cpu.utilization"]
    assert metric("coffee.level@kitchen") is None


def test_the_catalogue_is_light_to_import() -> None:
    code = "import sys, virtpulse.catalogue; print(*{name.partition('.')[0] for name in sys.modules})"
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"asyncio", "msgspec", "numpy", "orjson", "psutil", "rich"} & set(child.stdout.split())
