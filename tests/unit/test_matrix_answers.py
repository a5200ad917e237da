"""What the chat bot answers from what it remembers."""

import itertools

import msgspec
import pytest
from msgspec import UNSET

from sinks.matrix.answer import Answer
from sinks.matrix.desk import Change, Desk
from sinks.matrix.settings import MatrixSettings
from tests.chatting import SETTINGS, Records, firing, percentage, window
from tests.conftest import FakeClock
from virtpulse.messages.aggregate import Timing
from virtpulse.messages.alert import Alert
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import to_rfc3339
from virtpulse.messages.silence import Silence
from virtpulse.messages.source import Source
from virtpulse.topics import ALERT_STATES, ALERTS, SILENCES
from virtpulse.transports.interface import Message

ANNA = "@anna:virtpulse.test"
BUSY = "kvm-07/web-3"


class Asked:
    """A desk, its memory, and the clock of both."""

    def __init__(self, clock: FakeClock, settings: MatrixSettings = SETTINGS) -> None:
        self.clock = clock
        self.records = Records(clock, settings)
        self._desk = Desk("!vp", self.records.memory, clock)

    def answer(self, text: str) -> Answer:
        found = self._desk.handle(text, ANNA)
        assert isinstance(found, Answer)
        return found

    def text(self, text: str) -> str:
        return self.answer(text).text

    def change(self, text: str) -> Change:
        found = self._desk.handle(text, ANNA)
        assert isinstance(found, Change)
        return found


@pytest.fixture
def asked(fake_clock: FakeClock) -> Asked:
    return Asked(fake_clock)


def source(name: str, now: float, ended: str | None = None) -> Source:
    found = Source(source=name, first=now - 100, last=now, time=now)
    return found if ended is None else msgspec.structs.replace(found, ended=ended)


def silence(now: float, *matchers: str, name: str = "abcd1234", seconds: float = 3600) -> Silence:
    return Silence(id=name, matchers=matchers, starts=now, ends=now + seconds, created=now, reason="new disks", by=ANNA)


def test_help_names_every_command(asked: Asked) -> None:
    text = asked.text("help")
    assert all(word in text for word in ("!vp", "status", "top", "alerts", "why", "silence", "unsilence", "silences"))


def test_status_says_that_nothing_came_yet(asked: Asked) -> None:
    assert asked.text("status") == "0 sources\nno window has closed since the bot was started\nno alert fires; 0 silences"


def test_status_counts_sources_alerts_by_severity_and_silences_and_says_how_old_the_newest_window_is(asked: Asked) -> None:
    now = asked.clock.time()
    asked.records.add(source("kvm-07", now), source(BUSY, now), source("kvm-08", now, "shutdown"))
    asked.records.add(window(BUSY, now - 3, {"vm.cpu.utilization": 93.0}))
    asked.records.add(firing(BUSY, now), firing("kvm-08", now, severity="critical"), silence(now, "host=kvm-07"))
    assert asked.text("status") == (
        "3 sources, 1 of them ended\nthe newest window ended 3 s ago\n1 critical, 1 warning fire, 1 of them silenced; 1 silence"
    )


def test_what_is_pending_or_kept_back_or_the_watchdog_does_not_fire(asked: Asked) -> None:
    now = asked.clock.time()
    pending = msgspec.structs.replace(firing("a", now, state="pending"), alert=UNSET, fired=UNSET)
    kept_back = msgspec.structs.replace(firing("b", now), inhibited="0123456789abcdef")
    asked.records.add(pending, kept_back, firing("", now, rule="Watchdog", severity="none", key=""))
    assert asked.text("alerts") == "no alert fires"
    assert "no alert fires" in asked.text("status")


async def test_status_says_when_nobody_judges_alerts_any_more(asked: Asked) -> None:
    asked.records.add(firing("", asked.clock.time(), rule="Watchdog", severity="none", key=""))
    assert "sign of life" not in asked.text("status")
    await asked.clock.advance(181)
    assert asked.text("status").endswith("the alerts processor gave its last sign of life 3 min ago: is it running?")


def test_status_of_a_host_shows_its_worst_metrics_its_alerts_and_its_guests(asked: Asked) -> None:
    now = asked.clock.time()
    timing = Timing(0.5, 100.0, 0.005, 0.001, 0.02, 0.005, 10)
    asked.records.add(
        window("kvm-07", now - 2, {"system.cpu.utilization": 20.0}, timings={"system.disk.operation_time@sda.read": timing})
    )
    asked.records.add(window(BUSY, now - 2, {"vm.cpu.utilization": 97.0}, faults={"vm.cpu.ready": 0.2}))
    asked.records.add(
        window("kvm-07/db-1", now - 2, {"vm.cpu.utilization": 5.0}), window("kvm-071", now, {"system.cpu.utilization": 99.0})
    )
    asked.records.add(firing(BUSY, now - 60), firing("kvm-071", now))
    found = asked.answer("status kvm-07")
    assert found.lines[0] == "kvm-07: its newest window ended 2 s ago"
    assert found.lines[1].startswith("[warning] CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU (60 s; why ")
    assert found.lines[2:] == ["2 guests: web-3 (critical), db-1"]
    assert found.table[0].split() == ["source", "metric", "now", "min-max"]
    assert found.table[1].split()[:3] == [BUSY, "R", "vm.cpu.utilization"]
    assert any("system.disk.operation_time sda.read  5 ms" in line for line in found.table)
    assert "kvm-071" not in found.text


def test_status_of_a_source_that_is_not_there_says_which_is_near(asked: Asked) -> None:
    asked.records.add(source("kvm-07", asked.clock.time()))
    assert asked.text("status kvm-7") == "no source is called kvm-7; did you mean kvm-07?"
    assert asked.text("status @room") == "no source is called (at)room"


def test_top_shows_each_source_once_with_its_worst_metric_of_that_kind(asked: Asked) -> None:
    now = asked.clock.time()
    for index, percent in enumerate((10.0, 95.0, 50.0)):
        cpu = {"system.cpu.utilization": percent, "system.cpu.utilization@user": percent / 2, "system.memory.utilization": 99.0}
        asked.records.add(window(f"host-{index}", now, cpu, faults={"system.network.errors@eth0.receive": float(index)}))
    rows = [line.split() for line in asked.answer("top cpu").table[1:]]
    assert [row[:4] for row in rows] == [
        ["host-1", "system.cpu.utilization", "95.0", "%"],
        ["host-2", "system.cpu.utilization", "50.0", "%"],
        ["host-0", "system.cpu.utilization", "10.0", "%"],
    ]
    assert [line.split()[0] for line in asked.answer("top faults").table[1:]] == ["host-2", "host-1"]
    assert asked.text("top disk") == "no windows about disk lately"


async def test_a_source_that_went_quiet_is_not_among_the_worst(asked: Asked) -> None:
    asked.records.add(window("old", asked.clock.time(), {"system.cpu.utilization": 99.0}))
    await asked.clock.advance(31)
    asked.records.add(window("new", asked.clock.time(), {"system.cpu.utilization": 9.0}))
    assert "old" not in asked.text("top cpu")


def test_alerts_lists_at_most_20_lines_the_worst_first_and_only_what_the_glob_matches(asked: Asked) -> None:
    now = asked.clock.time()
    asked.records.add(
        *(firing(f"kvm-{index:02}", now - index) for index in range(30)), firing("kvm-99", now, severity="critical")
    )
    lines = asked.answer("alerts").lines
    assert lines[0] == "31 alerts fire:"
    assert lines[1].startswith("[critical] CpuBusy kvm-99")
    assert lines[-1] == "and 12 more"
    assert len(lines) == 21
    assert asked.answer("alerts kvm-9?").lines[0] == "1 alert of kvm-9? fires:"
    assert asked.answer("alerts CpuBusy").lines[0] == "31 alerts of CpuBusy fire:"
    assert asked.text("alerts nothing") == "no alert of nothing fires"


def test_names_from_outside_mention_nobody_and_are_no_markup(asked: Asked) -> None:
    now = asked.clock.time()
    state = firing("kvm-07", now, key="vm.cpu.utilization@room")
    assert isinstance(state.alert, Alert)
    alert = msgspec.structs.replace(state.alert, text="[warning] @room <b>look</b>")
    asked.records.add(msgspec.structs.replace(state, alert=alert), window("kvm-07", now, {"vm.cpu.utilization@room": 93.0}))
    for command in ("alerts", "status kvm-07", "top cpu", f"why {state.fingerprint}", "status <b>@room"):
        text = asked.text(command)
        assert "@" not in text
        assert "<" not in text


def test_a_silence_is_made_with_who_asked_and_why_and_says_what_it_covers(asked: Asked) -> None:
    now = asked.clock.time()
    asked.records.add(firing(BUSY, now), firing("kvm-08", now))
    change = asked.change("silence host=kvm-07 for 2h new disks")
    made = change.silence
    assert (made.matchers, made.starts, made.ends, made.reason, made.by) == (("host=kvm-07",), now, now + 7200, "new disks", ANNA)
    assert change.message == (SILENCES, made.id, encode(made), 0)
    assert change.answer.text == (
        f"silenced: {made.id} host=kvm-07 until 10:00:00 UTC, by anna:virtpulse.test: new disks; 1 of the alerts that fire now"
    )


def test_a_silence_is_ended_by_its_id(asked: Asked) -> None:
    asked.records.add(silence(asked.clock.time(), "host=kvm-07"))
    change = asked.change("unsilence ABCD1234")
    assert change.message == (SILENCES, "abcd1234", b"", 0)
    assert change.answer.text == "abcd1234 silences host=kvm-07 no more; what still fires will be told again"
    assert asked.text("unsilence nosuch") == "no silence is called nosuch; silences lists them"


async def test_silences_are_listed_until_they_end(asked: Asked) -> None:
    now = asked.clock.time()
    asked.records.add(silence(now, "host=b", name="b", seconds=7200), silence(now, "host=a", name="a", seconds=60))
    assert [line.split()[0] for line in asked.answer("silences").lines] == ["2", "a", "b"]
    await asked.clock.advance(60)
    assert [line.split()[0] for line in asked.answer("silences").lines] == ["1", "b"]
    asked.records.remove(SILENCES, "b")
    assert asked.text("silences") == "nothing is silenced"


def test_why_shows_the_last_windows_the_threshold_and_what_to_do(asked: Asked) -> None:
    now = asked.clock.time()
    for index in range(30):
        asked.records.add(window(BUSY, now - 290 + 10 * index, {"vm.cpu.utilization": 64.0 + index}))
    runbook = "https://example.org/runbooks/CpuBusy.md"
    state = firing(BUSY, now - 120, threshold="90", runbook_url=runbook)
    asked.records.add(state)
    found = asked.answer(f"why {state.fingerprint[:6]}")
    assert found.lines == [
        "[warning] CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU",
        f"{state.fingerprint[:8]}: firing since 07:58:00 UTC, 2 min",
        "vm.cpu.utilization is 93.0 %, threshold 90.0 %; that window ended 0 s ago",
        "what to do: See which process it is.",
        f"more: {runbook}",
    ]
    assert found.table[-1].split() == ["08:00:00", "UTC", "93.0", "%"]
    assert len(found.table) == 11
    chart = found.chart
    assert chart is not None
    assert (chart.title, chart.threshold, chart.fired, chart.resolved) == (
        "kvm-07/web-3 vm.cpu.utilization",
        90.0,
        now - 120,
        None,
    )
    assert list(chart.figures) == [64.0 + index for index in range(30)]
    assert chart.written(chart.figures[0]) == "64.0 %"


def test_why_knows_what_was_resolved_lately(asked: Asked) -> None:
    now = asked.clock.time()
    asked.records.add(window(BUSY, now, {"vm.cpu.utilization": 9.0}))
    state = firing(BUSY, now - 120)
    assert isinstance(state.alert, Alert)
    ended = msgspec.structs.replace(state.alert, status="resolved", ends_at=to_rfc3339(now - 5))
    asked.records.add(state)
    asked.records.remove(ALERT_STATES, state.fingerprint)
    asked.records.memory.take(Message(ALERTS, 0, 0, now, "kvm-07", encode(ended)))
    found = asked.answer(f"why {state.fingerprint}")
    assert found.lines[1] == f"{state.fingerprint[:8]}: fired at 07:58:00 UTC, resolved 5 s ago"
    assert found.chart is not None
    assert (found.chart.fired, found.chart.resolved) == (now - 120, now - 5)


def test_why_of_an_alert_without_a_metric_or_without_windows_has_no_picture(asked: Asked) -> None:
    now = asked.clock.time()
    silent, busy = firing("kvm-07", now, rule="HostSilent", key=""), firing(BUSY, now)
    asked.records.add(silent, busy)
    assert asked.answer(f"why {silent.fingerprint}").chart is None
    found = asked.answer(f"why {busy.fingerprint}")
    assert found.chart is None
    assert "no windows of vm.cpu.utilization are remembered" in found.lines


def test_why_does_not_draw_a_threshold_of_another_scale(asked: Asked) -> None:
    now = asked.clock.time()
    state = firing(BUSY, now, threshold="1e9", statistic="part")
    asked.records.add(state, window(BUSY, now, {"vm.cpu.utilization": 93.0}))
    chart = asked.answer(f"why {state.fingerprint}").chart
    assert chart is not None
    assert chart.threshold is None


def test_why_of_a_beginning_that_several_alerts_have_lists_them(asked: Asked) -> None:
    now = asked.clock.time()
    states = (firing(f"kvm-{index}", now) for index in itertools.count())
    seen: dict[str, str] = {}
    for state in states:
        asked.records.add(state)
        twin = seen.setdefault(state.fingerprint[:4], state.fingerprint)
        if twin != state.fingerprint:
            break
    text = asked.text(f"why {twin[:4]}")
    assert text == f"2 alerts begin so: {', '.join(sorted((twin, state.fingerprint)))}"
    assert (
        asked.text("why ffffffffffffffff")
        == "no alert has a fingerprint that begins with ffffffffffffffff; alerts lists those that fire"
    )


def test_no_more_windows_and_metrics_are_remembered_than_is_set(fake_clock: FakeClock) -> None:
    asked = Asked(fake_clock, msgspec.structs.replace(SETTINGS, history=3, metrics=4))
    now = fake_clock.time()
    for index in range(10):
        asked.records.add(window(f"host-{index % 6}", now + 10 * index, {"system.cpu.utilization": 1.0}))
    for index in range(5):
        asked.records.add(window("host-3", now + 100 + 10 * index, {"system.cpu.utilization": float(index)}))
    series = list(asked.records.memory.series())
    assert len(series) == 4
    assert list(series[-1].figures) == [2.0, 3.0, 4.0]
    assert list(series[-1].ends) == [now + 120, now + 130, now + 140]


def test_a_window_that_is_corrected_replaces_itself_and_an_older_one_is_left_out(asked: Asked) -> None:
    now = asked.clock.time()
    for end, value in ((now, 1.0), (now + 10, 2.0), (now + 10, 3.0), (now, 9.0)):
        asked.records.add(window("host", end, {"system.cpu.utilization": value}))
    (series,) = asked.records.memory.series()
    assert list(series.figures) == [1.0, 3.0]
    assert percentage(3.0).ratio == series.row.figure
