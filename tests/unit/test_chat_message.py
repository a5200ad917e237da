import itertools
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.chat.message import Message, Room, compose
from tests.telling import alert, notification
from virtpulse.messages.alert import Alert
from virtpulse.messages.moments import NEVER

NOW: Final = 1_800_000_000.0
ROOM: Final = Room(20, 4_000, 200)

_HOSTILE = st.text(max_size=300) | st.lists(
    st.sampled_from(["@", "room", "<", "!channel", ">", "](", "://evil.example", "\n", "\r\n", "*", "`", "\u202e", "\u2028"])
).map("".join)
_LABELS = st.dictionaries(st.sampled_from(["alertname", "severity", "host", "vm", "device", "metric"]), _HOSTILE)
_ALERTS = st.builds(
    Alert,
    status=st.sampled_from(["firing", "resolved"]),
    labels=_LABELS,
    annotations=st.dictionaries(st.sampled_from(["summary", "advice", "value"]), _HOSTILE),
    starts_at=st.sampled_from(["2027-01-15T07:00:00.000Z", "nonsense"]),
    ends_at=st.sampled_from([NEVER, "2027-01-15T07:30:00.000Z"]),
    fingerprint=st.integers(0, 1 << 64).map(lambda number: f"{number:016x}"),
    text=_HOSTILE,
)


def _lines(message: Message) -> list[str]:
    return [message.title, *message.body.split("\n")]


@pytest.mark.parametrize(
    ("runbook", "told"),
    [
        (
            "https://wiki.example/runbooks/CpuBusy.md#what-it-means",
            " → look at top; see https://wiki.example/runbooks/CpuBusy.md#what-it-means",
        ),
        ("", " → look at top"),
        ("docs/runbooks/CpuBusy.md", " → look at top"),
        ("javascript:alert(1)", " → look at top"),
        ("https://wiki.example/a b", " → look at top"),
        ("https://wiki.example/@room", " → look at top"),
        ("https://wiki.example/" + "x" * 300, " → look at top"),
    ],
)
def test_the_runbook_stands_behind_the_advice_of_the_first_of_its_rule_if_it_is_a_plain_link(runbook: str, told: str) -> None:
    alerts = [alert("CpuBusy", began=NOW, vm=vm) for vm in ("web-3", "web-4")]
    for one in alerts:
        one.annotations["runbook_url"] = runbook
    first, second = compose(notification(alerts), NOW, ROOM).body.split("\n")
    assert first == f"🟠 warning CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU{told}"
    assert second == "🟠 warning CpuBusy kvm-07/web-4: kvm-07/web-4 uses 93 % of its CPU"


def test_a_runbook_without_advice_is_shown_and_none_is_of_what_is_resolved() -> None:
    firing, over = alert("CpuBusy", began=NOW - 60), alert("DiskSlow", began=NOW - 60, ended=NOW)
    for one in (firing, over):
        one.annotations.update(advice="", runbook_url="https://wiki.example/x")
    lines = compose(notification([firing, over]), NOW, ROOM).body.split("\n")
    assert [line.partition(" → ")[2] for line in lines] == ["see https://wiki.example/x", ""]


def test_advice_that_ends_with_a_full_stop_loses_it_before_the_runbook() -> None:
    one = alert("CpuBusy", began=NOW)
    one.annotations["advice"] = "See what it is."
    assert compose(notification([one]), NOW, ROOM).body.endswith(" → See what it is.")
    one.annotations["runbook_url"] = "https://wiki.example/x"
    assert compose(notification([one]), NOW, ROOM).body.endswith(" → See what it is; see https://wiki.example/x")


def test_a_message_names_the_group_counts_by_severity_and_tells_each_alert_in_a_line() -> None:
    busy = alert("CpuBusy", "warning", began=NOW - 60, vm="web-3")
    again = alert("CpuBusy", "warning", began=NOW - 60, vm="web-4")
    full = alert("DiskFull", "critical", began=NOW - 60, device="/var")
    gone = alert("DiskSlow", "info", began=NOW - 600, ended=NOW - 420, device="sda")
    message = compose(notification([full, busy, again, gone]), NOW, ROOM)
    assert _lines(message) == [
        "kvm-07: 🔴 1 critical, 🟠 2 warning, 🟢 1 resolved",
        "🔴 critical DiskFull kvm-07 /var: kvm-07 uses 93 % of its CPU → look at top",
        "🟠 warning CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU → look at top",
        "🟠 warning CpuBusy kvm-07/web-4: kvm-07/web-4 uses 93 % of its CPU",
        "🟢 resolved DiskSlow kvm-07 sda after 3 min: kvm-07 uses 93 % of its CPU",
    ]
    assert message.grades == {"critical", "warning", "resolved"}


def test_what_is_told_again_says_for_how_long_it_has_been_firing_and_comes_behind_the_news() -> None:
    old = alert("DiskFull", "critical", began=NOW - 4 * 3600)
    new = alert("CpuBusy", "warning", began=NOW - 60, vm="web-3")
    body = compose(notification([old, new], news=[new]), NOW, ROOM).body.split("\n")
    assert [line.split(":")[0] for line in body] == [
        "🟠 warning CpuBusy kvm-07/web-3",
        "🔴 critical DiskFull kvm-07, still firing for 4 h",
    ]


def test_sixty_alerts_make_one_message_of_twenty_lines_that_counts_the_others_by_rule() -> None:
    alerts = [alert("CpuBusy", began=NOW, vm=f"web-{number}") for number in range(58)]
    alerts += [alert("DiskSlow", began=NOW, device=device) for device in ("sda", "sdb")]
    lines = _lines(compose(notification(alerts), NOW, ROOM))
    assert len(lines) == 20
    assert lines[0] == "kvm-07: 🟠 60 warning"
    assert lines[-1] == "… and 42 more: CpuBusy 40, DiskSlow 2"


def test_of_many_rules_that_find_no_room_the_most_frequent_are_named() -> None:
    alerts = [alert(f"Rule{rule}", began=NOW, vm=f"web-{number}") for rule in range(8) for number in range(rule + 1)]
    last = compose(notification(alerts), NOW, Room(3, 4_000, 200)).body.split("\n")[-1]
    assert last == "… and 35 more: Rule7 8, Rule6 7, Rule5 6, Rule4 5, Rule3 4, others 5"


def test_a_service_that_takes_little_is_told_what_finds_room_there() -> None:
    alerts = [alert("CpuBusy", began=NOW, vm=f"web-{number}") for number in range(9)]
    message = compose(notification(alerts), NOW, Room(20, 160, 200))
    assert len(message.title) + 1 + len(message.body) <= 160
    assert message.body.endswith("… and 8 more: CpuBusy 8")


def test_a_group_of_several_labels_and_of_none_has_a_title() -> None:
    alerts = [alert(began=NOW)]
    assert compose(notification(alerts, {"alertname": "CpuBusy", "team": "db"}), NOW, ROOM).title.startswith("CpuBusy team=db: ")
    assert compose(notification(alerts, {}), NOW, ROOM).title.startswith("virtpulse: ")


@given(
    st.lists(_ALERTS, min_size=1, max_size=40),
    st.dictionaries(st.sampled_from(["host", "alertname", "team"]), _HOSTILE),
    st.builds(Room, st.integers(3, 30), st.integers(1, 5_000), st.integers(1, 300)),
    st.sampled_from([None, []]),
)
def test_whatever_labels_and_annotations_hold_a_message_keeps_its_limits_and_mentions_nobody(
    alerts: list[Alert], group: dict[str, str], room: Room, news: list[Alert] | None
) -> None:
    message = compose(notification(alerts, group, news=news), NOW, room)
    lines = _lines(message)
    assert len(lines) <= room.lines
    assert len(message.title) <= room.title_chars
    assert len(message.title) + 1 + len(message.body) <= max(room.chars, len(message.title) + 1)
    assert all(line.isprintable() for line in lines)
    whole = "\n".join(lines)
    assert not set("@<>&*`") & set(whole)
    assert "](" not in whole
    assert "://" not in whole


@given(st.lists(_ALERTS, min_size=1, max_size=40, unique_by=lambda one: one.fingerprint), st.integers(3, 30))
def test_every_alert_has_its_line_or_is_counted(alerts: list[Alert], most: int) -> None:
    lines = compose(notification(alerts), NOW, Room(most, 100_000, 200)).body.split("\n")
    told = list(itertools.takewhile(lambda line: not line.startswith("…"), lines))
    more = int(lines[-1].split()[2]) if lines[-1].startswith("… and ") else 0
    assert len(told) + more == len(alerts)
