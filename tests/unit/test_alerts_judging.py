"""What rules make of aggregates."""

import pytest

from processors.alerts.rule import Rule, While
from tests.alerting import AlertsWorker
from virtpulse.messages.alert import fingerprint
from virtpulse.messages.moments import NEVER
from virtpulse.units import Duration

CPU = "system.cpu.utilization"
MEMORY = "system.memory.utilization"
BUSY = Rule(name="Busy", metric=CPU, above=90, clear=80, for_=Duration(20), summary="{source} uses {value:.0f} %")
AT_ONCE = Rule(name="Busy", metric=CPU, above=90)


def judged(rule: Rule, *ratios: float | None, source: str = "web", key: str = CPU) -> AlertsWorker:
    """Judge windows of 10 s, one after the other."""
    worker = AlertsWorker([rule])
    for number, ratio in enumerate(ratios):
        worker.aggregate(source, 10.0 * number, resources={key: ratio})
    return worker


def test_an_alert_fires_once_its_condition_held_for_long_enough_and_is_resolved_below_where_it_clears() -> None:
    worker = judged(BUSY, 50, 95, 96, 97, 85, 81, 80)
    firing, resolved = worker.alerts
    assert (firing.status, firing.starts_at, firing.ends_at) == ("firing", "2027-01-15T08:00:30.000Z", NEVER)
    assert (resolved.status, resolved.starts_at, resolved.ends_at) == ("resolved", firing.starts_at, "2027-01-15T08:01:00.000Z")
    assert firing.annotations["since"] == "2027-01-15T08:00:10.000Z"
    assert firing.labels == {"alertname": "Busy", "severity": "warning", "host": "web", "metric": CPU}
    assert firing.fingerprint == resolved.fingerprint == fingerprint(firing.labels)
    assert firing.text == "[warning] Busy web: web uses 97 %"
    assert resolved.text == "[resolved after 30 s] Busy web: web uses 80 %"
    assert worker.living() == {}


def test_the_fingerprint_is_the_one_of_prometheus() -> None:
    """The vector is the one of prometheus/common, model/signature_test.go."""
    assert int(fingerprint({"name": "garland, briggs", "fear": "love is not enough"}), 16) == 5799056148416392346


@pytest.mark.parametrize("ratios", [(95, 96, 85), (95, 50, 95, 96), (90, 90, 90, 90)])
def test_nothing_fires_that_did_not_hold_for_long_enough(ratios: tuple[float, ...]) -> None:
    worker = judged(BUSY, *ratios)
    assert worker.alerts == []


def test_the_state_is_remembered_before_it_fires_and_forgotten_when_it_never_does() -> None:
    assert judged(BUSY, 95).living() == {"Busy web": "pending"}
    assert judged(BUSY, 95, 50).living() == {}


def test_an_alert_fires_on_while_it_recovers() -> None:
    rule = Rule(name="Busy", metric=CPU, above=90, keep_firing_for=Duration(30))
    assert judged(rule, 95, 50, 50).told() == ["firing Busy web"]
    assert judged(rule, 95, 50, 50).living() == {"Busy web": "recovering"}
    assert judged(rule, 95, 50, 50, 95, 50, 50, 50).told() == ["firing Busy web"]
    worker = judged(rule, 95, 50, 50, 50, 50)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]
    assert worker.alerts[1].ends_at == "2027-01-15T08:00:40.000Z"


def test_a_window_without_a_value_is_no_judgement() -> None:
    assert judged(BUSY, 95, None, 96).told() == ["firing Busy web"]
    assert judged(AT_ONCE, 95, None, None).living() == {"Busy web": "firing"}


def test_a_key_that_is_no_longer_reported_is_resolved_as_stale() -> None:
    worker = AlertsWorker([Rule(name="Drops", metric="system.network.packet.dropped", above=1)])
    worker.aggregate("web", 0, faults={"system.network.packet.dropped@eth1.receive": 5})
    for number in range(1, 40):
        worker.aggregate("web", 10.0 * number, faults={"system.network.packet.dropped@eth0.receive": 0})
    firing, resolved = worker.alerts
    assert resolved.ends_at == "2027-01-15T08:05:10.000Z"
    assert resolved.text == (
        "[resolved after 5 min, nothing is known of its metric any more] Drops web eth1.receive: "
        "system.network.packet.dropped(at)eth1.receive is 5"
    )
    assert firing.labels["device"] == "eth1.receive"


def test_a_source_that_ended_takes_its_alerts_with_it_and_is_not_judged_again_until_it_is_back() -> None:
    worker = judged(AT_ONCE, 95)
    worker.sample("web", ended="deleted")
    worker.aggregate("web", 5, resources={CPU: 99})
    assert worker.told() == ["firing Busy web", "resolved Busy web"]
    worker.sample("web")
    worker.aggregate("web", 30, resources={CPU: 99})
    assert worker.told()[2:] == ["firing Busy web"]


def test_without_a_device_the_metric_itself_is_judged_where_it_is_there_else_each_device() -> None:
    worker = AlertsWorker([AT_ONCE])
    worker.aggregate("web", 0, resources={CPU: 50, f"{CPU}@user": 95})
    assert worker.told() == []
    worker.aggregate("db", 0, resources={f"{CPU}@0": 95, f"{CPU}@1": 96, f"{CPU}@2": 5})
    assert sorted(alert.labels["device"] for alert in worker.alerts) == ["0", "1"]


def test_a_device_may_be_asked_for() -> None:
    worker = AlertsWorker([Rule(name="Steal", metric="*.cpu.utilization", device="st*", above=10)])
    worker.aggregate("web", 0, resources={CPU: 50, f"{CPU}@steal": 20, f"{CPU}@user": 30})
    assert [alert.labels["device"] for alert in worker.alerts] == ["steal"]


def test_sources_may_be_chosen() -> None:
    rule = Rule(name="Busy", metric=CPU, above=90, source="kvm-*/web-?")
    for source, count in (("kvm-1/web-1", 1), ("kvm-1/web-10", 0), ("kvm-1", 0)):
        assert len(judged(rule, 95, source=source).alerts) == count
    assert judged(rule, 95, source="kvm-1/web-1").alerts[0].labels["vm"] == "web-1"


@pytest.mark.parametrize(
    ("statistic", "above", "told"),
    [(None, 89, True), ("ratio", 90, False), ("part", 899, True), ("whole", 999, True), ("min", 79, True), ("max", 99, False),
     ("last", 94, True), ("count", 9, True), ("mean", 0, False)],
)  # fmt: skip
def test_each_statistic_of_a_ratio_can_be_judged(statistic: str | None, above: float, told: bool) -> None:  # noqa: FBT001 one case
    rule = Rule(name="Busy", metric=CPU, above=above, statistic=statistic)  # type: ignore[arg-type]  # by the case
    worker = AlertsWorker([rule])
    cell = {"part": 900, "whole": 1000, "ratio": 90, "min": 80, "max": 99, "last": 95, "count": 10}
    worker.aggregate("web", 0, resources={CPU: cell})
    assert bool(worker.alerts) is told


def test_the_mean_of_a_timing_is_judged() -> None:
    worker = AlertsWorker([Rule(name="Slow", metric="system.disk.operation_time", above=0.05)])
    worker.aggregate("web", 0, timings={"system.disk.operation_time@vda.read": 0.06, "system.disk.operation_time@vdb.read": 0.04})
    assert [alert.labels["device"] for alert in worker.alerts] == ["vda.read"]


def test_what_performs_badly_is_below_its_threshold() -> None:
    rule = Rule(name="Slow", metric="vm.cpu.delivered", below=90, clear=95)
    worker = AlertsWorker([rule])
    for number, ratio in enumerate((95, 85, 92, 94, 96)):
        worker.aggregate("web", 10.0 * number, performance={"vm.cpu.delivered": ratio})
    assert worker.told() == ["firing Slow web", "resolved Slow web"]
    assert worker.alerts[1].ends_at == "2027-01-15T08:00:40.000Z"


def test_late_samples_can_be_counted() -> None:
    worker = AlertsWorker([Rule(name="Late", statistic="late", above=5, summary="{value:.0f} late")])
    for number, late in enumerate((0, 6, 0)):
        worker.aggregate("web", 10.0 * number, late=late)
    assert [alert.text for alert in worker.alerts] == ["[warning] Late web: 6 late", "[resolved after 10 s] Late web: 0 late"]


@pytest.mark.parametrize(
    ("second", "memory", "told"),
    [(While(metric=MEMORY, above=85), 90, True), (While(metric=MEMORY, above=85), 80, False),
     (While(metric=MEMORY, above=85), None, False), (While(metric="no.such", above=0), 90, False),
     (While(statistic="whole", above=99), 90, True), (While(statistic="whole", above=100), 90, False)],
)  # fmt: skip
def test_a_second_condition_must_hold_too(second: While, memory: float | None, told: bool) -> None:  # noqa: FBT001 a case
    worker = AlertsWorker([Rule(name="Swap", metric="system.paging.utilization", above=10, while_=second)])
    worker.aggregate("web", 0, resources={"system.paging.utilization": 50, "system.memory.utilization": memory})
    assert bool(worker.alerts) is told


def test_an_alert_ends_when_its_second_condition_does() -> None:
    rule = Rule(
        name="Swap", metric="system.paging.utilization", above=10, while_=While(metric="system.memory.utilization", above=85)
    )
    worker = AlertsWorker([rule])
    for number, memory in enumerate((90, 80)):
        worker.aggregate("web", 10.0 * number, resources={"system.paging.utilization": 50, "system.memory.utilization": memory})
    assert worker.told() == ["firing Swap web", "resolved Swap web"]


def test_facts_may_be_asked_for_beside_a_metric() -> None:
    worker = AlertsWorker([Rule(name="Busy", metric=CPU, above=90, facts={"virtualization": "kvm"})])
    worker.aggregate("web", 0, resources={CPU: 95})
    worker.aggregate("metal", 0, resources={CPU: 95}, facts={"virtualization": "none"})
    assert worker.told() == []
    worker.sample("web", facts={"virtualization": "kvm"})
    worker.aggregate("web", 10, resources={CPU: 95})
    assert worker.told() == ["firing Busy web"]


def test_two_views_of_one_metric_do_not_disturb_one_another() -> None:
    worker = AlertsWorker([AT_ONCE])
    worker.aggregate("web", 0, resources={CPU: 95})
    worker.aggregate("web", 5, view="hypervisor", resources={CPU: 5})
    assert worker.told() == ["firing Busy web"]


def test_a_view_that_is_gone_while_its_source_goes_on_takes_its_alerts_with_it() -> None:
    worker = AlertsWorker([AT_ONCE])
    for _ in range(3):
        worker.sample("web", interval=10.0)
        worker.sample("web", interval=10.0, view="probes")
        worker.advance(10)
    worker.aggregate("web", 0, view="probes", resources={CPU: 95})
    for _ in range(32):
        worker.sample("web", interval=10.0)
        worker.advance(10)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]


def test_names_from_outside_do_no_harm_in_the_text() -> None:
    key = "system.network.errors@eth0<!channel>@room`*"
    worker = AlertsWorker([Rule(name="Errors", metric="system.network.errors", above=1, summary="{device} of {source}")])
    worker.aggregate("web", 0, faults={key: 5})
    (alert,) = worker.alerts
    assert not set(alert.text + alert.annotations["summary"]) & set("@<>`*")
    assert alert.labels["device"] == key.partition("@")[2]


def test_the_virtual_machine_is_named_where_it_is_known() -> None:
    worker = AlertsWorker([AT_ONCE])
    worker.sample("kvm/web", facts={"vm.id": "5c2b"})
    worker.aggregate("kvm/web", 0, resources={CPU: 95})
    assert worker.alerts[0].annotations["vm_id"] == "5c2b"


def test_numbers_that_change_are_never_in_labels() -> None:
    worker = judged(
        Rule(name="Busy", metric=CPU, above=90, labels={"team": "web"}, runbook="r.md", advice="do {threshold:.0f}"), 95.5
    )
    (alert,) = worker.alerts
    assert alert.labels["team"] == "web"
    assert alert.annotations == {
        "summary": f"{CPU} is 95.5",
        "advice": "do 90",
        "runbook_url": "r.md",
        "value": "95.5",
        "threshold": "90",
        "since": "2027-01-15T08:00:00.000Z",
    }


@pytest.mark.parametrize("gone", ["", "hypervisor"])
def test_whichever_view_is_gone_takes_its_alerts_with_it_after_a_restart_too(gone: str) -> None:
    views = {"", "hypervisor"}
    worker = AlertsWorker([AT_ONCE])
    for view in views:
        worker.sample("web", interval=10.0, view=view)
    worker.aggregate("web", 0, view=gone, resources={CPU: 95})
    worker.restart()
    for _ in range(32):
        for view in views - {gone}:
            worker.sample("web", interval=10.0, view=view)
        worker.advance(10)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]


def test_figures_beyond_every_bound_are_no_values() -> None:
    worker = AlertsWorker(
        [Rule(name="Late", statistic="late", above=5), Rule(name="Many", metric=CPU, statistic="count", above=5)]
    )
    worker.aggregate("web", 0, late=10**400, resources={CPU: {"part": 1, "whole": 2, "ratio": 50, "min": 1, "max": 2, "last": 1,
                                                              "count": 10**400}})  # fmt: skip
    assert worker.alerts == []
    crowded = AlertsWorker([Rule(name="Huge", metric="m", above=5, on="sample")])
    crowded.sample("web", resources={"m": [1e300, 1e-300]})
    assert crowded.alerts == []


def test_a_count_beyond_every_bound_says_nothing_of_an_alert_that_fires() -> None:
    worker = AlertsWorker([Rule(name="Late", statistic="late", above=5)])
    for number, late in enumerate((6, *[10**400] * 32)):
        worker.aggregate("web", 10.0 * number, late=late)
    assert worker.told() == ["firing Late web", "resolved Late web"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"{", "message must be an aggregate"),
        (b'{"source": "a b", "start": 1, "end": 2, "samples": 1, "late": 0, "repeated": 0}', "source must be a path"),
        (b'{"source": "a", "start": 2, "end": 2, "samples": 1, "late": 0, "repeated": 0}', "start must lie before end"),
        (b'[{"source": "a"}]', "message must be an aggregate"),
        (b"[" * 200, "message must be JSON"),
        (b"\xff", "UTF-8"),
    ],
)
def test_an_aggregate_that_cannot_be_becomes_a_dead_letter(document: bytes, told: str) -> None:
    worker = AlertsWorker([AT_ONCE])
    worker.handle("aggregates", "a", document)
    assert told in worker.letters[0]["reason"]
    assert worker.refused == 1


def test_a_device_that_cannot_be_becomes_a_dead_letter_and_no_label() -> None:
    worker = AlertsWorker([AT_ONCE])
    worker.aggregate("web", 0, resources={f"{CPU}@two words": 95})
    assert worker.alerts == []
    assert "a key of resources must be" in worker.letters[0]["reason"]


def test_more_alerts_than_can_be_remembered_are_not_raised_and_counted() -> None:
    worker = AlertsWorker([AT_ONCE], most=3)
    worker.aggregate("web", 0, resources={f"{CPU}@{number}": 95 for number in range(5)})
    assert (len(worker.alerts), worker.refused) == (3, 2)
