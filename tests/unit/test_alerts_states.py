"""What is remembered of alerts, and what becomes of it at a restart, with other rules, or broken."""

import msgspec
import orjson
import pytest

from processors.alerts.rule import Rule
from tests.alerting import AlertsWorker
from virtpulse.messages.alert import AlertState
from virtpulse.units import Duration

CPU = "system.cpu.utilization"
BUSY = Rule(name="Busy", metric=CPU, above=90, clear=80, for_=Duration(20), keep_firing_for=Duration(20))
CRASHED = Rule(name="Crashed", on="sample", facts={"vm.state": "crashed"}, severity="critical", summary="{source} has crashed")


def busy(worker: AlertsWorker, *ratios: float, start: int = 0) -> None:
    for number, ratio in enumerate(ratios, start):
        worker.aggregate("web", 10.0 * number, resources={CPU: ratio})


def firing(rule: Rule = BUSY) -> AlertsWorker:
    worker = AlertsWorker([rule])
    busy(worker, 95, 96, 97)
    assert worker.told() == [f"firing {rule.name} web"]
    return worker


def test_after_a_restart_nothing_fires_again() -> None:
    worker = firing()
    worker.restart()
    busy(worker, 98, 99, start=3)
    assert worker.told() == ["firing Busy web"]


@pytest.mark.parametrize("cut", range(8))
def test_a_life_that_is_cut_anywhere_goes_on_as_if_it_were_not(cut: int) -> None:
    ratios = (95, 96, 97, 85, 70, 71, 95, 60)
    whole, halves = AlertsWorker([BUSY]), AlertsWorker([BUSY])
    busy(whole, *ratios, 60, 60)
    busy(halves, *ratios[:cut])
    halves.restart()
    busy(halves, *ratios[cut:], 60, 60, start=cut)
    assert halves.alerts == whole.alerts
    assert halves.states == whole.states


def test_an_alert_whose_rule_is_gone_is_resolved() -> None:
    worker = firing()
    worker.configure([])
    worker.advance(1)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]
    assert worker.alerts[1].text == f"[resolved, its rule has changed or is gone] Busy: {CPU} is 97"
    assert worker.living() == {}


def test_an_alert_whose_rule_no_longer_judges_it_is_resolved() -> None:
    worker = firing()
    worker.configure([Rule(name="Busy", metric=CPU, above=90, source="db*")])
    busy(worker, 99, start=3)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]


def test_an_alert_whose_severity_changed_ends_and_is_raised_anew() -> None:
    worker = firing(Rule(name="Busy", metric=CPU, above=90))
    worker.configure([Rule(name="Busy", metric=CPU, above=90, severity="critical")])
    busy(worker, 99, start=3)
    told = [(alert.status, alert.labels["severity"]) for alert in worker.alerts]
    assert sorted(told[1:]) == [("firing", "critical"), ("resolved", "warning")]


def test_an_alert_whose_threshold_changed_is_judged_by_the_new_one() -> None:
    worker = firing()
    worker.configure([Rule(name="Busy", metric=CPU, above=98)])
    busy(worker, 97, start=3)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]


def test_what_a_silent_host_kept_back_is_told_once_the_rule_of_its_silence_is_gone() -> None:
    silent = Rule(name="HostSilent", on="silence", of="hosts", severity="critical")
    worker = AlertsWorker([silent, CRASHED])
    for _ in range(3):
        worker.sample("kvm-07", interval=10.0)
        worker.advance(10)
    worker.advance(60)
    worker.sample("kvm-07/web-3", facts={"vm.state": "crashed"})
    assert worker.told() == ["firing HostSilent kvm-07"]
    worker.configure([CRASHED])
    worker.drain()
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07", "firing Crashed kvm-07/web-3"]
    worker.restart()
    worker.drain()
    assert len(worker.told()) == 3


def test_what_was_pending_is_forgotten_with_its_rule_in_silence() -> None:
    worker = AlertsWorker([BUSY])
    busy(worker, 95)
    worker.configure([])
    worker.drain()
    assert (worker.alerts, worker.living()) == ([], {})


def rewritten(worker: AlertsWorker, change: dict[str, object]) -> str:
    """Change the record of the alert that fires as nobody should, and start the worker anew; return its key."""
    (key,) = (key for key, value in worker.states.items() if b'"firing"' in value)
    worker.states[key] = orjson.dumps({**orjson.loads(worker.states[key]), **change})
    worker.restart()
    worker.drain()
    return key


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fingerprint": "0" * 16}, "fingerprint must be the message's key"),
        ({"state": "flying"}, "message must be a document of the kind AlertState: Invalid enum value 'flying'"),
        ({"alert": None}, "message must be a document of the kind AlertState"),
        ({"since": "yesterday"}, "message must be a document of the kind AlertState"),
        ({"since": 1e300}, "since must lie between 1970 and the year 9999"),
        ({"fired": -1.0}, "fired must lie between 1970 and the year 9999"),
    ],
)
def test_a_record_that_cannot_be_read_is_set_aside_and_the_rest_loads(change: dict[str, object], told: str) -> None:
    worker = firing()
    worker.aggregate("db", 0, resources={CPU: 95})
    key = rewritten(worker, change)
    assert told in worker.letters[0]["reason"]
    assert worker.refused == 1
    assert key not in worker.states, "else it would come again at each start"
    worker.aggregate("db", 20, resources={CPU: 95})
    assert worker.told()[-1] == "firing Busy db"


def test_a_record_of_a_later_release_is_counted_and_left_alone() -> None:
    worker = firing()
    key = rewritten(worker, {"version": 99, "state": "flying"})
    assert (worker.refused, worker.letters) == (1, [])
    assert key in worker.states


def test_a_crash_is_told_at_once_and_ends_a_while_after_the_last_one() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", facts={"vm.state": "crashed", "vm.id": "5c2b"})
    (alert,) = worker.alerts
    assert (alert.text, alert.annotations["vm_id"]) == ("[critical] Crashed kvm/web: kvm/web has crashed", "5c2b")
    worker.advance(200)
    worker.sample("kvm/web", facts={"vm.state": "crashed"})
    worker.advance(290)
    assert worker.told() == ["firing Crashed kvm/web"]
    worker.advance(20)
    assert worker.told() == ["firing Crashed kvm/web", "resolved Crashed kvm/web"]


def test_a_crash_ends_by_the_clock_of_the_source_where_it_goes_on() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", facts={"vm.state": "crashed"})
    worker.sample("kvm/web")
    worker.sample("kvm/web", facts={"vm.state": "running"})
    assert worker.living() == {"Crashed kvm/web": "recovering"}
    worker.clock.now += 300
    worker.sample("kvm/web", facts={"vm.state": "running"})
    assert worker.told() == ["firing Crashed kvm/web", "resolved Crashed kvm/web"]


def test_two_views_do_not_disturb_one_another_s_events() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", view="hypervisor", facts={"vm.state": "crashed"})
    worker.sample("kvm/web", facts={"vm.state": "running"})
    assert worker.living() == {"Crashed kvm/web": "firing"}


def test_what_is_older_than_its_firing_does_not_end_an_event_early() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", facts={"vm.state": "crashed"})
    worker.sample("kvm/web", time=worker.clock.now - 200, facts={"vm.state": "running"})
    worker.sample("kvm/web", time=worker.clock.now + 200, facts={"vm.state": "running"})
    assert worker.told() == ["firing Crashed kvm/web"]


def test_an_end_dated_ahead_is_told_as_when_the_log_took_it_in() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", facts={"vm.state": "crashed"})
    worker.sample("kvm/web", time=worker.clock.now + 300, ended="deleted")
    assert worker.alerts[1].ends_at == "2027-01-15T08:00:00.000Z"


def test_a_metric_of_a_sample_can_be_an_event() -> None:
    worker = AlertsWorker([Rule(name="Lifecycle", on="sample", metric="vm.lifecycle", above=0, statistic="part")])
    worker.sample("kvm/web", faults={"vm.lifecycle": [0, 3]})
    worker.sample("kvm/web", faults={"vm.lifecycle": [1, 1]})
    worker.sample("kvm/web", faults={"vm.lifecycle": [0, 3]})
    assert worker.told() == ["firing Lifecycle kvm/web"]


def test_a_sample_dated_far_ahead_is_a_sign_of_life_and_no_event() -> None:
    worker = AlertsWorker([CRASHED])
    worker.sample("kvm/web", time=worker.clock.now + 3600, facts={"vm.state": "crashed"})
    assert worker.alerts == []


def test_a_bad_sample_does_not_take_its_neighbours_along() -> None:
    worker = AlertsWorker([CRASHED])
    good = {"source": "kvm/web", "time": worker.clock.now, "facts": {"vm.state": "crashed"}}
    worker.handle("samples", "kvm", orjson.dumps([{"source": 3}, good, {"source": "a b", "time": 1}]), b"\xff", b"[[", b"")
    assert worker.told() == ["firing Crashed kvm/web"]


def test_dead_letters_are_told_for_each_host_until_there_are_no_more() -> None:
    worker = AlertsWorker([Rule(name="DeadLetters", on="deadletter", summary="of {host}")])
    worker.sample("kvm")
    for key in ("kvm", "kvm", "", "not a host", "made-up", "kvm"):
        worker.dead_letter(key)
    assert [alert.labels.get("host") for alert in worker.alerts] == ["kvm", None]
    worker.advance(310)
    assert [alert.status for alert in worker.alerts] == ["firing", "firing", "resolved", "resolved"]


def test_a_dead_letter_of_an_alert_that_was_refused_raises_none() -> None:
    worker = AlertsWorker([Rule(name="DeadLetters", on="deadletter")])
    worker.handle("deadletters", "", b'{"topic": "alerts", "reason": "no"}', b"not JSON")
    assert worker.told() == ["firing DeadLetters "]


def watchdogs(worker: AlertsWorker) -> list[AlertState]:
    found = (msgspec.json.decode(value, type=AlertState) for value in worker.states.values())
    return [one for one in found if one.rule == "Watchdog"]


def test_the_watchdog_beats_every_minute_and_is_no_news() -> None:
    worker = AlertsWorker(disable=())
    worker.advance(1)
    (first,) = watchdogs(worker)
    worker.advance(61)
    worker.restart()
    worker.advance(61)
    (second,) = watchdogs(worker)
    assert worker.alerts == []
    assert (second.since, second.fired) == (first.since, first.fired and first.fired + 122)


def test_a_watchdog_that_is_not_wanted_any_more_is_removed() -> None:
    worker = AlertsWorker(disable=())
    worker.advance(1)
    worker.configure([])
    worker.advance(1)
    assert watchdogs(worker) == []
