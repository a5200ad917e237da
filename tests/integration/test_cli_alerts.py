"""`watch alerts`, `alerts list` and `silence`, on a real log."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.commands import Run
from tests.telling import alert
from virtpulse.clock import SystemClock
from virtpulse.messages.alert import Alert, AlertState, Life, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.silence import Silence
from virtpulse.topics import ALERT_STATES, ALERTS, SILENCES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport

Publish = Callable[[Sequence[Outgoing]], None]
NOW = time.time()
BUSY = alert("CpuBusy", began=NOW - 60, vm="web-3", metric="vm.cpu.utilization")
SILENT = alert("HostSilent", "critical", began=NOW - 30, host="kvm-08")
SLOW = alert("DiskSlow", "info", began=NOW - 10, host="kvm-08", vm="db-1", metric="vm.disk.operation_time", device="vda")
_NAMES = {"alertname": "Watchdog", "severity": "none"}
WATCHDOG = msgspec.structs.replace(BUSY, labels=_NAMES, fingerprint=fingerprint(_NAMES))


@pytest.fixture
def publish(run: Run, tmp_path: Path) -> Publish:  # noqa: ARG001 - the log is in its folder
    """Return a function that publishes to the log of the commands."""

    async def send(messages: Sequence[Outgoing]) -> None:
        transport = open_transport(f"local:{tmp_path}/state/virtpulse/virtpulse.db", SystemClock())
        await transport.start()
        await transport.publish(messages)
        await transport.close()

    return lambda messages: asyncio.run(send(messages))


def told(*alerts: Alert) -> list[Outgoing]:
    return [Outgoing(ALERTS, one.labels["host"], encode(one)) for one in alerts]


def state(one: Alert, life: Life = "firing", inhibited: str | None = None) -> Outgoing:
    source = "/".join(one.labels[name] for name in ("host", "vm") if name in one.labels)
    record = AlertState(
        fingerprint=one.fingerprint,
        state=life,
        rule=one.labels["alertname"],
        source=source,
        since=NOW - 90,
        fired=msgspec.UNSET if life == "pending" else NOW - 60,
        inhibited=msgspec.UNSET if inhibited is None else inhibited,
        alert=msgspec.UNSET if life == "pending" else one,
    )
    return Outgoing(ALERT_STATES, one.fingerprint, encode(record))


def as_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setattr(f"virtpulse.cli.{module}.prints_json", lambda *, asked: asked)


def test_watch_shows_alerts_as_they_are_on_the_topic_and_only_those_asked_for(run: Run, publish: Publish) -> None:
    publish(told(BUSY, SILENT, SLOW))
    watched = run("watch", "alerts", "--drain")
    assert [json.dumps(found) for found in watched.documents] == [json.dumps(json.loads(encode(a))) for a in (BUSY, SILENT, SLOW)]
    for options, shown in (
        (("--source", "kvm-07/*"), [BUSY]),
        (("--source", "kvm-08"), [SILENT]),
        (("--metric", "vm.disk.*@vda"), [SLOW]),
        (("--metric", "vm.cpu.utilization"), [BUSY]),
        (("--count", "1"), [BUSY]),
    ):
        found = run("watch", "alerts", "--drain", *options).documents
        assert [one["fingerprint"] for one in found] == [one.fingerprint for one in shown]


def test_watch_begins_as_long_ago_as_it_is_told(run: Run, publish: Publish) -> None:
    publish(told(BUSY))
    assert len(run("watch", "alerts", "--drain", "--from", "10m").documents) == 1
    assert run("watch", "alerts", "--drain", "--from", "0s").documents == []
    assert run("watch", "alerts", "--drain", "--from", "now").documents == []


def test_watch_shows_those_that_are_kept_back_when_asked(run: Run, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish([*told(SILENT), state(SILENT), state(SLOW, inhibited=SILENT.fingerprint), state(BUSY)])
    assert len(run("watch", "alerts", "--drain").documents) == 1
    documents = run("watch", "alerts", "--drain", "--all").documents
    assert {found["fingerprint"]: found.get("inhibited") for found in documents} == {
        SILENT.fingerprint: None,
        SLOW.fingerprint: SILENT.fingerprint,
    }
    as_on_a_terminal(monkeypatch, "watch")
    lines = run("watch", "alerts", "--drain", "--all", "--source", "kvm-08*").out.splitlines()
    assert sorted(line.split("  ")[1].split()[0] for line in lines) == ["firing", "inhibited"]
    publish([state(SLOW, inhibited=SILENT.fingerprint)])
    publish([Outgoing(ALERT_STATES, SLOW.fingerprint, b"")])
    assert len(run("watch", "alerts", "--drain", "--all", "--json").documents) == 1


def test_alerts_list_shows_what_fires_the_worst_first(run: Run, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = alert("MemoryShort", "critical", began=NOW, vm="web-4")
    guest = alert("VmSilent", "critical", began=NOW, host="kvm-08", vm="db-2")
    publish([state(SLOW), state(BUSY, "recovering"), state(SILENT), state(waiting, "pending")])
    publish([state(guest, inhibited=SILENT.fingerprint), state(WATCHDOG), Outgoing(ALERT_STATES, "x", b"broken")])
    result = run("alerts", "list")
    assert [found["rule"] for found in result.documents] == ["HostSilent", "CpuBusy", "DiskSlow"]
    assert "record left out" in result.err
    everything = run("alerts", "list", "--all").documents
    assert [found["rule"] for found in everything] == ["HostSilent", "VmSilent", "CpuBusy", "DiskSlow", "MemoryShort"]
    as_on_a_terminal(monkeypatch, "alerts")
    run("silence", "add", "alertname=DiskSlow", "--for", "1h")
    lines = run("alerts", "list", "--all").out.splitlines()
    assert lines[0].split() == ["since", "state", "severity", "alert"]
    assert [line.split()[2] for line in lines[1:]] == ["firing", "inhibited", "recovering", "silenced", "pending"]


def test_alerts_list_says_when_nothing_fires_and_when_nobody_judges(
    run: Run, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing fires" in run("alerts", "list").err
    publish([state(WATCHDOG)])
    assert "judged last" not in run("alerts", "list").err
    later = type("Later", (SystemClock,), {"time": lambda _self: time.time() + 3_600})
    monkeypatch.setattr("virtpulse.cli.alerts.SystemClock", later)
    assert "the alerts were judged last 60 min ago: what is shown may be old" in run("alerts", "list").err


def test_a_silence_is_added_listed_and_removed(run: Run, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish([state(BUSY), state(SLOW), state(SILENT, "pending")])
    added = run("silence", "add", "host=kvm-0*", "severity!=critical", "--for", "2h", "--reason", "update", "--by", "ana")
    (silence,) = added.documents
    assert silence["ends"] - silence["starts"] == 7_200
    assert (silence["matchers"], silence["reason"], silence["by"]) == (["host=kvm-0*", "severity!=critical"], "update", "ana")
    assert '"covers":2' in added.err
    assert run("silence", "list").documents == [silence]
    as_on_a_terminal(monkeypatch, "silence")
    (heading, line) = run("silence", "list").out.splitlines()
    assert heading.split() == ["id", "state", "until", "matchers"]
    assert line.startswith(f"{silence['id']}  in force")
    assert line.endswith("host=kvm-0* severity!=critical  (ana: update)")
    short = run("silence", "add", "vm=web-3", "--for", "90s")
    assert short.out.split()[1:4] == ["for", "90", "s,"]
    assert short.out.endswith("of the alerts that fire now it covers 1\n")
    assert run("silence", "remove", silence["id"][:5], short.out.split()[0]).code == 0
    assert run("silence", "list", "--all", "--json").documents == []


def test_nobody_asks_where_the_login_has_no_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ben")
    assert run("silence", "add", "host=a", "--for", "1h").documents[0]["by"] == "ben"

    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", unknown)
    assert run("silence", "add", "host=a", "--for", "1h").documents[0]["by"] == ""


def test_silences_that_are_over_are_listed_for_a_week_and_then_removed(run: Run, publish: Publish) -> None:
    def old(id_: str, days: float) -> Outgoing:
        ends = NOW - days * 86_400
        return Outgoing(SILENCES, id_, encode(Silence(id=id_, matchers=("a=b",), starts=1.0, ends=ends, created=1.0)), 0)

    publish([old("old1", 6.9), old("old2", 7.1), old("late", -1)])
    assert [found["id"] for found in run("silence", "list").documents] == ["late"]
    assert [found["id"] for found in run("silence", "list", "--all").documents] == ["old2", "old1", "late"]
    (added,) = run("silence", "add", "host=a", "--for", "1h").documents
    assert [found["id"] for found in run("silence", "list", "--all").documents] == ["old1", added["id"], "late"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "--for", "1h"), "a silence needs a matcher, as in host=kvm-07"),
        (("add", "host=a"), "--for"),
        (("add", "host", "--for", "1h"), "a matcher must be LABEL=VALUE or LABEL!=VALUE"),
        (("add", "1=2", "--for", "1h"), "a matcher must be LABEL=VALUE or LABEL!=VALUE"),
        (("add", "host=*", "--for", "1h"), "host=* would silence every alert"),
        (("add", "host=*", "vm=**", "--for", "1h"), "would silence every alert"),
        (("add", "alertname!=", "--for", "1h"), "would silence every alert"),
        (("add", "severity=?*", "--for", "1h"), "would silence every alert"),
        (("add", "alertname=*?*?*", "--for", "1h"), "would silence every alert"),
        (("add", "nolabel!=x", "host!=a", "--for", "1h"), "would silence every alert, or nearly; a matcher must name what"),
        (("add", "severity=~critical|warning", "--for", "1h"), "regular expressions are not known here"),
        (("add", "host=\udcff", "--for", "1h"), "a matcher must be text in UTF-8, got 'host=\\udcff'"),
        (("add", "host=a", "--for", "1h", "--reason", "\udcff"), "--reason must be text in UTF-8, got '\\udcff'"),
        (("add", "host=a", "--for", "0s"), '--for must be above 0, got "0s"'),
        (("add", "host=a", "--for", "-5s"), "--for must be a duration"),
        (("add", "host=a", "--for", "2"), "--for must be a duration"),
        (("add", "host=a", "--for", "9000000w"), "a silence lasts from 1s to 365d, got 9000000w"),
        (("add", "host=a", "--for", "1h", "--reason", "x" * 501), "--reason must have at most 500 characters"),
        (("add", *("host=a" for _ in range(51)), "--for", "1h"), "at most 50 matchers"),
        (("remove",), "silence remove needs the id of a silence"),
        (("remove", "ab"), '"ab" may be each of ab1, ab2'),
        (("remove", "zz"), 'there is no silence "zz"'),
        (("remove", ""), 'there is no silence ""'),
        (("remove", "cd", "zz"), 'there is no silence "zz"'),
    ],
)
def test_what_cannot_be_silenced_is_said_in_one_line(run: Run, publish: Publish, arguments: tuple[str, ...], said: str) -> None:
    publish(
        [
            Outgoing(SILENCES, id_, encode(Silence(id=id_, matchers=("a=b",), starts=1.0, ends=NOW + 3_600, created=1.0)), 0)
            for id_ in ("ab1", "ab2", "cd3")
        ]
    )
    result = run("silence", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-1].startswith("virtpulse: ")
    assert said in result.err.splitlines()[-1]
    assert len(run("silence", "list").documents) == 3


@pytest.mark.parametrize("matcher", ["vm=", "vm!=", "host!=kvm-07", "host=?*", "metric=*", "severity=[a-z]*"])
def test_one_matcher_at_least_must_name_what_is_to_be_quiet(run: Run, matcher: str) -> None:
    assert run("silence", "add", matcher, "host=kvm-0*", "--for", "1h").code == 0
    assert run("silence", "add", matcher, "--for", "1h").code == (0 if "[" in matcher else 2)  # that one matches no severity
