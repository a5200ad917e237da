"""The rules that come with virtpulse, held against machines as one meets them."""

from fnmatch import fnmatchcase
from typing import Any, Final

import pytest

from processors.alerts.rule import Rule
from processors.alerts.shipped import shipped_rules
from tests.alerting import AlertsWorker
from virtpulse.catalogue import METRICS, Metric

WINDOW: Final = 10.0
GUEST: Final = "kvm-07/web-3"
OF_METRICS: Final = [rule for rule in shipped_rules() if rule.metric]
JUDGED: Final = [
    pytest.param(rule, entry, id=f"{rule.name}-{entry.name}")
    for rule in OF_METRICS
    for entry in METRICS.values()
    if fnmatchcase(entry.name, rule.metric)
]
COMPILING: Final = {
    "system.cpu.utilization": 99,
    "system.cpu.utilization@steal": 0,
    "system.pressure@cpu.some": 75,
    "system.pressure@memory.some": 1,
    "system.pressure@memory.full": 0.5,
    "system.pressure@io.full": 6,
    "system.memory.utilization": 82,
    "system.paging.utilization": 95,
    "system.filesystem.utilization@/": 84,
    "system.filesystem.inodes@/": 30,
    "system.process.limit": 4,
    "system.file.handles": 0.1,
}
BACKING_UP: Final = COMPILING | {
    "system.cpu.utilization": 12,
    "system.pressure@cpu.some": 1,
    "system.pressure@io.full": 55,
    "system.disk.io_time@sda": 100,
}


def ratio(part: float, whole: float) -> dict[str, Any]:
    value = 100 * part / whole
    return {"part": part, "whole": whole, "ratio": value, "min": value, "max": value, "last": value, "count": 10}


def timing(mean: float, operations: int) -> dict[str, Any]:
    seconds = mean * operations
    return {"seconds": seconds, "operations": operations, "mean": mean, "min": mean, "max": mean, "last": mean, "count": 10}


def shipped_worker() -> AlertsWorker:
    return AlertsWorker(disable=())


def key_of(rule: Rule, entry: Metric) -> str:
    device = rule.device or ("vda.read" if entry.device else "")
    usual = entry.name.endswith("cpu.utilization") and not rule.device
    return entry.name if usual or not device else f"{entry.name}@{device}"


def window(rule: Rule, entry: Metric, value: float, events: int) -> dict[str, Any]:
    """Return the maps of an aggregate in which what the rule judges has this value."""
    second = rule.while_.metric if rule.while_ is not None else ""
    more = {second: ratio(95, 100)} if second else {}
    if entry.family == "timings":
        return {"timings": {key_of(rule, entry): timing(value, events)}}
    part = value if rule.statistic == "part" else events * value / 100
    return {entry.family: {key_of(rule, entry): ratio(part, events), **more}}


@pytest.mark.parametrize(("rule", "entry"), JUDGED)
def test_a_rule_fires_once_what_it_judges_was_bad_for_long_enough_and_ends_once_it_is_well(rule: Rule, entry: Metric) -> None:
    assert rule.above is not None
    worker, end = shipped_worker(), 0.0
    bad, well = rule.above * 1.01 + 0.1, rule.above if rule.clear is None else rule.clear
    for _ in range(int(rule.for_ // WINDOW)):
        worker.aggregate(GUEST, end := end + WINDOW, **window(rule, entry, bad, 10_000))
    assert f"firing {rule.name} {GUEST}" not in worker.told()
    for _ in range(2):
        worker.aggregate(GUEST, end := end + WINDOW, **window(rule, entry, bad, 10_000))
    assert worker.told().count(f"firing {rule.name} {GUEST}") == 1
    for _ in range(int(rule.lasting // WINDOW) + 1):
        worker.aggregate(GUEST, end := end + WINDOW, **window(rule, entry, well, 10_000))
    assert worker.told()[-1] == f"resolved {rule.name} {GUEST}"
    told = next(alert for alert in worker.alerts if alert.labels["alertname"] == rule.name)
    assert told.annotations["summary"].startswith(f"{GUEST} ")
    assert "{" not in told.text + told.annotations["advice"]


@pytest.mark.parametrize(
    ("rule", "entry"), [case for case in JUDGED if isinstance(case.values[0], Rule) and case.values[0].while_]
)
def test_of_few_events_nothing_is_concluded(rule: Rule, entry: Metric) -> None:
    worker = shipped_worker()
    for number in range(200):
        maps = window(rule, entry, 99, 90)
        maps = {
            name: {key: cell for key, cell in cells.items() if key != "system.memory.utilization"} for name, cells in maps.items()
        }
        worker.aggregate(GUEST, WINDOW * number, **maps)
    assert worker.told() == []


def test_a_quarter_of_an_hour_of_compiling_is_no_news_and_half_an_hour_wakes_nobody() -> None:
    worker = shipped_worker()
    for number in range(90):
        worker.aggregate("laptop", WINDOW * number, resources=COMPILING)
    assert worker.told() == []
    for number in range(90, 180):
        worker.aggregate("laptop", WINDOW * number, resources=COMPILING)
    assert sorted((one.labels["severity"], one.labels["alertname"]) for one in worker.alerts) == [
        ("info", "CpuBusy"),
        ("warning", "CpuPressure"),
    ]


def test_a_night_of_backing_up_is_no_news() -> None:
    worker = shipped_worker()
    times = {"system.disk.operation_time@sda.read": timing(0.03, 4_000), "system.disk.operation_time@sda.write": timing(0.5, 20)}
    for number in range(720):
        worker.aggregate("backup", WINDOW * number, resources=BACKING_UP, timings=times)
    assert worker.told() == []


def test_the_protocols_that_nobody_listens_to_on_a_quiet_port_are_no_drops() -> None:
    worker = shipped_worker()
    for number in range(200):
        drops = {"system.network.packet.dropped@eth1.receive": ratio(30, 300)}
        worker.aggregate("kvm-07", WINDOW * number, faults=drops)
    assert worker.told() == []


def test_a_busy_guest_is_told_once_although_its_modes_and_cores_are_busy_too() -> None:
    worker = shipped_worker()
    keys = ["vm.cpu.utilization", "vm.vcpu.utilization@0", "vm.vcpu.utilization@1"]
    for number in range(100):
        worker.aggregate(GUEST, WINDOW * number, resources=dict.fromkeys(keys, 97))
    assert worker.told() == [f"firing CpuBusy {GUEST}"]


def test_a_crash_is_told_at_once() -> None:
    worker = shipped_worker()
    worker.sample(GUEST, facts={"vm.state": "running"})
    worker.sample(GUEST, facts={"vm.state": "crashed"})
    assert worker.told() == [f"firing VmCrashed {GUEST}"]
    assert worker.alerts[0].text == f"[critical] VmCrashed {GUEST}: {GUEST} has crashed"


def test_samples_that_are_late_for_five_minutes_on_end_and_dead_letters_are_told() -> None:
    worker = shipped_worker()
    for number in range(32):
        worker.aggregate("kvm-07", WINDOW * number, late=1)
    worker.sample("kvm-08")
    worker.dead_letter("kvm-08")
    assert worker.told() == ["firing SamplesLate kvm-07", "firing DeadLetters kvm-08"]
