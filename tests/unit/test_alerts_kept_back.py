"""What becomes of the alerts of guests while their host is silent."""

from collections.abc import Iterable, Sequence

from processors.alerts.rule import Rule
from tests.alerting import AlertsWorker
from virtpulse.units import Duration

RULES = (
    Rule(name="HostSilent", on="silence", of="hosts", severity="critical"),
    Rule(name="VmSilent", on="silence", of="guests"),
)
HOST = "kvm-07"
GUESTS = [f"{HOST}/vm-{number}" for number in range(2)]
BUSY = Rule(name="Busy", metric="vm.cpu.utilization", above=90)


def run(worker: AlertsWorker, sources: Sequence[str], seconds: float) -> None:
    """Let sources report for a while, and the worker with them."""
    for _ in range(round(seconds / 10)):
        speak(worker, sources)
        worker.advance(10)


def speak(worker: AlertsWorker, sources: Iterable[str]) -> None:
    for source in sources:
        worker.sample(source, interval=10.0)


def test_alerts_of_guests_are_kept_back_while_their_host_is_silent_and_told_when_it_is_back() -> None:
    worker = AlertsWorker([*RULES, BUSY])
    run(worker, [HOST, *GUESTS[:2]], 60)
    worker.advance(60)
    for number in (0, 1):
        worker.aggregate(GUESTS[number], 100, resources={"vm.cpu.utilization": 99})
    assert worker.told() == ["firing HostSilent kvm-07"]
    assert worker.living()[f"Busy {GUESTS[0]}"] == "firing"
    assert {b'"inhibited":"' in value for key, value in worker.states.items() if b'"Busy"' in value} == {True}
    worker.aggregate(GUESTS[1], 110, resources={"vm.cpu.utilization": 9})
    speak(worker, [HOST])
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07", "firing Busy kvm-07/vm-0"]
    worker.aggregate(GUESTS[0], 120, resources={"vm.cpu.utilization": 9})
    assert worker.told()[-1] == "resolved Busy kvm-07/vm-0"


def test_what_is_kept_back_is_kept_back_over_a_restart() -> None:
    worker = AlertsWorker([*RULES, BUSY])
    run(worker, [HOST, *GUESTS[:2]], 60)
    worker.advance(60)
    worker.aggregate(GUESTS[0], 100, resources={"vm.cpu.utilization": 99})
    worker.restart()
    worker.aggregate(GUESTS[0], 110, resources={"vm.cpu.utilization": 99})
    assert worker.told() == ["firing HostSilent kvm-07"]
    speak(worker, [HOST])
    assert worker.told()[1:] == ["resolved HostSilent kvm-07", "firing Busy kvm-07/vm-0"]


def test_an_alert_that_was_told_before_its_host_fell_silent_is_told_as_resolved() -> None:
    worker = AlertsWorker([*RULES, BUSY])
    run(worker, [HOST, *GUESTS[:1]], 60)
    worker.aggregate(GUESTS[0], 60, resources={"vm.cpu.utilization": 99})
    worker.advance(60)
    worker.aggregate(GUESTS[0], 70, resources={"vm.cpu.utilization": 9})
    assert worker.told() == ["firing Busy kvm-07/vm-0", "firing HostSilent kvm-07", "resolved Busy kvm-07/vm-0"]


def test_guests_are_kept_back_for_as_long_as_one_rule_says_that_their_host_is_silent() -> None:
    longer = Rule(name="HostGone", on="silence", of="hosts", keep_firing_for=Duration(60))
    worker = AlertsWorker([*RULES, longer, BUSY])
    run(worker, [HOST, *GUESTS[:1]], 60)
    worker.advance(60)
    worker.aggregate(GUESTS[0], 100, resources={"vm.cpu.utilization": 99})
    speak(worker, [HOST])
    assert worker.told()[2:] == ["resolved HostSilent kvm-07"]
    run(worker, [HOST, *GUESTS[:1]], 80)
    assert worker.told()[3:] == ["resolved HostGone kvm-07", "firing Busy kvm-07/vm-0"]
