"""Who is taken for silent, and who is not: HostSilent and VmSilent."""

from collections.abc import Iterable, Sequence

import orjson
import pytest

from processors.alerts.rule import Rule
from tests.alerting import NOON, AlertsWorker
from virtpulse.units import Duration

RULES = (
    Rule(name="HostSilent", on="silence", of="hosts", severity="critical", summary="{source} is silent for {value:.0f} s"),
    Rule(name="VmSilent", on="silence", of="guests", summary="{source} is silent"),
)
HOST = "kvm-07"
GUESTS = [f"{HOST}/vm-{number}" for number in range(50)]


@pytest.fixture
def worker() -> AlertsWorker:
    return AlertsWorker(RULES)


def run(worker: AlertsWorker, sources: Sequence[str], seconds: float, interval: float = 10.0) -> None:
    """Let sources report for a while, and the worker with them."""
    for _ in range(round(seconds / interval)):
        speak(worker, sources, interval)
        worker.advance(interval)


def speak(worker: AlertsWorker, sources: Iterable[str], interval: float = 10.0) -> None:
    for source in sources:
        worker.sample(source, interval=interval)


def test_a_host_with_its_guests_goes_silent_and_comes_back_as_one_alert(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.advance(300)
    assert worker.told() == ["firing HostSilent kvm-07"]
    run(worker, [HOST, *GUESTS], 120)
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07"]


def test_guests_that_come_back_a_little_later_than_their_host_are_not_silent(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.advance(300)
    run(worker, [HOST], 20)
    run(worker, [HOST, *GUESTS], 60)
    assert [told for told in worker.told() if "VmSilent" in told] == []


def test_a_short_break_of_the_whole_host_makes_no_guest_silent(worker: AlertsWorker) -> None:
    """Guests that report every second are overdue long before their host, which reports every minute."""
    for _ in range(3):
        speak(worker, [HOST], 60.0)
        for _ in range(60):
            speak(worker, GUESTS, 1.0)
            worker.advance(1)
    worker.advance(50)
    speak(worker, [HOST], 60.0)
    worker.advance(2)
    run(worker, GUESTS, 30, interval=1.0)
    assert worker.told() == []


def test_a_guest_that_vanishes_is_silent_alone(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    run(worker, [HOST, *GUESTS[1:]], 120)
    assert worker.told() == ["firing VmSilent kvm-07/vm-0"]
    run(worker, [HOST, *GUESTS], 30)
    assert worker.told() == ["firing VmSilent kvm-07/vm-0", "resolved VmSilent kvm-07/vm-0"]


def test_a_guest_that_was_shut_down_on_purpose_raises_nothing(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.sample(GUESTS[0], interval=10.0, ended="shutdown")
    run(worker, [HOST, *GUESTS[1:]], 300)
    assert worker.told() == []


def test_a_guest_that_ended_is_expected_again_once_it_has_come_back(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.sample(GUESTS[0], interval=10.0, ended="shutdown")
    run(worker, [HOST, *GUESTS[1:]], 60)
    run(worker, [HOST, *GUESTS], 60)
    run(worker, [HOST, *GUESTS[1:]], 120)
    assert worker.told() == ["firing VmSilent kvm-07/vm-0"]


def test_guests_of_a_host_that_ended_are_not_silent(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.sample(HOST, interval=10.0, ended="shutdown")
    worker.advance(300)
    assert worker.told() == []


def test_a_worker_that_was_stopped_for_a_minute_reports_no_silence(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.away(60)
    worker.restart()
    run(worker, [HOST, *GUESTS], 60)
    assert worker.told() == []


def test_a_worker_that_could_not_read_for_a_minute_reports_no_silence(worker: AlertsWorker) -> None:
    run(worker, [HOST, *GUESTS], 60)
    worker.away(60)
    worker.advance(5)
    run(worker, [HOST, *GUESTS], 60)
    assert worker.told() == []


def test_after_a_restart_a_source_that_the_inventory_knows_is_missed(worker: AlertsWorker) -> None:
    record = {"source": HOST, "first": NOON, "last": NOON, "time": NOON, "interval": 10.0}
    worker.inventory[HOST] = orjson.dumps(record)
    worker.restart()
    worker.advance(25)
    assert worker.told() == []
    worker.advance(10)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_after_a_restart_what_is_silent_is_not_told_again_and_ends_when_it_speaks(worker: AlertsWorker) -> None:
    run(worker, [HOST], 60)
    worker.inventory[HOST] = orjson.dumps({"source": HOST, "first": NOON, "last": NOON, "time": NOON, "interval": 10.0})
    worker.advance(60)
    worker.restart()
    worker.advance(300)
    assert worker.told() == ["firing HostSilent kvm-07"]
    speak(worker, [HOST])
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07"]


def test_a_device_that_reports_every_hour_has_three_hours(worker: AlertsWorker) -> None:
    worker.sample("meter", interval=3600.0)
    worker.advance(3 * 3600 - 10)
    assert worker.told() == []
    worker.advance(20)
    assert worker.told() == ["firing HostSilent meter"]


def test_a_sender_that_batches_says_when_it_is_due(worker: AlertsWorker) -> None:
    worker.sample(HOST, interval=1.0, due=60.0)
    worker.advance(170)
    assert worker.told() == []
    worker.advance(20)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_a_source_that_says_nothing_of_its_interval_is_expected_as_often_as_it_came(worker: AlertsWorker) -> None:
    for _ in range(5):
        worker.sample("sensor")
        worker.advance(60)
    worker.advance(100)
    assert worker.told() == []
    worker.advance(60)
    assert worker.told() == ["firing HostSilent sensor"]


def test_a_source_that_came_once_without_an_interval_is_not_missed(worker: AlertsWorker) -> None:
    worker.sample("office/printer")
    worker.advance(3600)
    assert worker.told() == []


def test_a_source_with_two_views_is_silent_only_when_both_are(worker: AlertsWorker) -> None:
    for _ in range(6):
        worker.sample(HOST, interval=10.0)
        worker.sample(HOST, interval=10.0, view="probes")
        worker.advance(10)
    for _ in range(30):
        worker.sample(HOST, interval=10.0, view="probes")
        worker.advance(10)
    assert worker.told() == []
    worker.advance(60)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_an_alert_says_since_when_and_for_how_long(worker: AlertsWorker) -> None:
    run(worker, [HOST], 60)
    worker.advance(60)
    (alert,) = worker.alerts
    assert alert.labels == {"alertname": "HostSilent", "severity": "critical", "host": HOST}
    assert alert.annotations["since"] == "2027-01-15T08:00:50.000Z"
    assert alert.text == "[critical] HostSilent kvm-07: kvm-07 is silent for 30 s"


def test_a_rule_may_ask_for_a_longer_silence() -> None:
    worker = AlertsWorker([Rule(name="HostSilent", on="silence", of="hosts", for_=Duration(600))])
    run(worker, [HOST], 60)
    worker.advance(600)
    assert worker.told() == []
    worker.advance(40)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_a_source_that_is_forgotten_takes_its_alert_with_it(worker: AlertsWorker) -> None:
    run(worker, [HOST], 60)
    worker.advance(60)
    worker.record(HOST, b"")
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07"]
    worker.advance(300)
    assert len(worker.alerts) == 2


def test_a_source_is_forgotten_with_the_last_of_its_views(worker: AlertsWorker) -> None:
    guest = GUESTS[0]
    for view in ("hypervisor", "probes"):
        record = {"source": guest, "view": view, "first": NOON, "last": NOON, "time": NOON, "interval": 10.0}
        worker.record(f"{guest} {view}", orjson.dumps(record))
    worker.sample(guest, view="hypervisor", interval=10.0)
    worker.advance(60)
    worker.record(f"{guest} probes", b"")
    assert worker.told() == ["firing VmSilent kvm-07/vm-0"]
    worker.record(f"{guest} hypervisor", b"")
    assert worker.told() == ["firing VmSilent kvm-07/vm-0", "resolved VmSilent kvm-07/vm-0"]


def noted(source: str, view: str = "", **fields: object) -> tuple[str, bytes]:
    """Return a record of the inventory with its key."""
    record = {"source": source, "first": NOON, "last": NOON, "time": NOON, "interval": 10.0, **fields}
    return (f"{source} {view}", orjson.dumps({**record, "view": view})) if view else (source, orjson.dumps(record))


def test_a_deadline_that_comes_nearer_is_kept(worker: AlertsWorker) -> None:
    worker.sample(HOST, interval=1.0, due=86_400.0)
    run(worker, [HOST], 20, interval=1.0)
    worker.advance(20)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_a_burst_says_nothing_of_how_long_the_next_one_will_be_away(worker: AlertsWorker) -> None:
    for _ in range(20):
        for _ in range(20):
            worker.sample("sensor")
        worker.advance(60)
    assert worker.told() == []
    worker.advance(180)
    assert worker.told() == ["firing HostSilent sensor"]


def test_a_source_that_speeds_up_is_missed_sooner(worker: AlertsWorker) -> None:
    for _ in range(3):
        worker.sample("sensor")
        worker.advance(60)
    for _ in range(300):
        worker.sample("sensor")
        worker.advance(1)
    worker.advance(20)
    assert worker.told() == ["firing HostSilent sensor"]


@pytest.mark.parametrize(
    "fields", [{"time": NOON + 7_200}, {"ended": "banana"}, {"view": "No View"}, {"resources": {"a b": [1, 2]}}, {"time": -1.0}]
)
def test_a_sample_that_the_windows_refuse_makes_no_source(worker: AlertsWorker, fields: dict[str, object]) -> None:
    worker.sample("ghost", **{"interval": 1.0, **fields})
    worker.advance(60)
    assert worker.told() == []


def test_a_host_whose_clock_is_wrong_lives_and_cannot_end(worker: AlertsWorker) -> None:
    run(worker, [HOST], 60)
    for _ in range(6):
        worker.sample(HOST, time=NOON + 1e6, interval=10.0, ended="shutdown")
        worker.advance(10)
    assert worker.told() == []
    worker.advance(40)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_a_host_that_speaks_after_the_log_s_clock_went_back_is_heard(worker: AlertsWorker) -> None:
    run(worker, [HOST], 60)
    worker.advance(60)
    batch_time, worker.log_ahead = worker.log_ahead, -3_600.0
    speak(worker, [HOST])
    worker.log_ahead = batch_time
    assert worker.told() == ["firing HostSilent kvm-07", "resolved HostSilent kvm-07"]


def test_a_producer_that_stopped_does_not_end_what_another_one_reports(worker: AlertsWorker) -> None:
    for _ in range(3):
        worker.sample(HOST, interval=10.0)
        worker.sample(HOST, interval=10.0, view="probes")
        worker.advance(10)
    worker.sample(HOST, interval=10.0, view="probes", ended="stopped")
    worker.advance(40)
    assert worker.told() == ["firing HostSilent kvm-07"]


def test_the_last_words_of_an_agent_do_not_revive_a_guest_that_was_shut_down(worker: AlertsWorker) -> None:
    guest = GUESTS[0]
    for _ in range(3):
        speak(worker, [HOST, guest])
        worker.sample(guest, interval=10.0, view="hypervisor")
        worker.advance(10)
    worker.sample(guest, interval=10.0, view="hypervisor", ended="shutdown")
    worker.advance(0.25)
    speak(worker, [guest])
    run(worker, [HOST], 120)
    assert worker.told() == []
    run(worker, [HOST, guest], 30)
    run(worker, [HOST], 120)
    assert worker.told() == ["firing VmSilent kvm-07/vm-0"]


@pytest.mark.parametrize("views", [("hypervisor", ""), ("", "hypervisor")])
def test_after_a_restart_a_guest_that_was_shut_down_raises_nothing(worker: AlertsWorker, views: tuple[str, str]) -> None:
    guest = GUESTS[0]
    for view in views:
        ended = {"ended": "shutdown", "time": NOON + 1} if view else {}
        worker.inventory.update([noted(guest, view, **ended)])
    worker.inventory.update([noted(HOST)])
    worker.restart()
    run(worker, [HOST], 120)
    assert worker.told() == []


def test_an_end_that_only_the_inventory_tells_of_holds_after_a_restart(worker: AlertsWorker) -> None:
    run(worker, [HOST], 30)
    worker.restart()
    worker.record(*noted(HOST, time=NOON + 30, ended="shutdown"))
    worker.advance(120)
    assert worker.told() == []


def test_a_host_of_which_nobody_knows_when_it_reports_does_not_hold_its_guests_back(worker: AlertsWorker) -> None:
    worker.sample(HOST)
    run(worker, GUESTS[:1], 30)
    worker.advance(60)
    assert worker.told() == ["firing VmSilent kvm-07/vm-0"]


def test_a_silence_for_which_there_was_no_room_is_told_once_there_is() -> None:
    worker = AlertsWorker([*RULES, Rule(name="Busy", metric="cpu", above=90)], most=1)
    run(worker, [HOST], 30)
    worker.aggregate("db", 0, resources={"cpu": 99})
    worker.advance(60)
    assert worker.told() == ["firing Busy db"]
    worker.aggregate("db", 10, resources={"cpu": 9})
    worker.advance(2)
    assert worker.told() == ["firing Busy db", "resolved Busy db", "firing HostSilent kvm-07"]


def test_an_end_in_a_backlog_does_not_end_what_began_after_it() -> None:
    worker = AlertsWorker([Rule(name="Busy", metric="cpu", above=90)])
    worker.away(300)
    worker.sample("web", time=NOON + 90)
    worker.aggregate("web", 210, resources={"cpu": 99})
    worker.sample("web", time=NOON + 100, ended="shutdown")
    worker.sample("web", time=NOON + 200)
    assert worker.told() == ["firing Busy web"]


def test_an_alert_of_a_source_that_was_forgotten_meanwhile_ends() -> None:
    worker = AlertsWorker([Rule(name="Busy", metric="cpu", above=90)])
    worker.aggregate("web", 0, resources={"cpu": 99})
    worker.inventory.update([noted(HOST)])
    worker.restart()
    worker.advance(330)
    assert worker.told() == ["firing Busy web", "resolved Busy web"]
