"""Alerts above the live table, and as lines of text."""

import asyncio
import io
import os
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sinks.console.alert_board import AlertBoard
from sinks.console.board import Board
from sinks.console.live import LiveView
from sinks.console.role import ROLE
from sinks.console.settings import ConsoleSettings, Format
from sinks.console.sink import ConsoleSink
from sinks.console.table import LiveTable
from virtpulse.clock import SystemClock
from virtpulse.errors import RefusedError
from virtpulse.messages.alert import Alert, AlertState, Life, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import NEVER, to_rfc3339
from virtpulse.topics import AGGREGATES, ALERT_STATES, ALERTS
from virtpulse.transports.interface import Batch

NOW = 1_795_000_000.0


class At:
    """A clock that stands still."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def alert(name: str = "CpuBusy", source: str = "kvm-07/web-3", *, severity: str = "warning", began: float = NOW - 720,
          ended: float | None = None, summary: str = "", device: str = "") -> Alert:  # fmt: skip
    host, _, vm = source.partition("/")
    labels = {"alertname": name, "severity": severity, "host": host, "vm": vm, "device": device}
    labels = {label: value for label, value in labels.items() if value}
    return Alert(
        status="firing" if ended is None else "resolved",
        labels=labels,
        annotations={"summary": summary or f"{source} uses 93 % of its CPU"},
        starts_at=to_rfc3339(began),
        ends_at=NEVER if ended is None else to_rfc3339(ended),
        fingerprint=fingerprint(labels),
        text=f"[{severity if ended is None else 'resolved after 2 min'}] {name} {source}: {source} uses 93 % of its CPU",
    )


def state(of: Alert, life: Life = "firing", *, inhibited: str = "", rule: str = "", source: str = "x") -> bytes:
    found = AlertState(fingerprint=of.fingerprint, state=life, rule=rule, source=source, since=NOW, fired=NOW, alert=of)
    if inhibited:
        found.inhibited = inhibited
    return encode(found)


def states(values: Mapping[str, bytes] | Sequence[Alert], time: float = NOW) -> Batch:
    records = values if isinstance(values, Mapping) else {of.fingerprint: state(of) for of in values}
    return Batch(ALERT_STATES, 0, range(len(records)), [time] * len(records), list(records), list(records.values()))


def changes(*found: Alert, time: float = NOW) -> Batch:
    values = [encode(one) for one in found]
    return Batch(ALERTS, 0, range(len(values)), [time] * len(values), ["kvm-07"] * len(values), values)


def drawn(alerts: AlertBoard, now: float = NOW, width: int = 120, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(LiveTable(Board(ConsoleSettings()), alerts, At(now)).renderable(), end="", height=height)
    return [line.rstrip() for line in captured.get().removesuffix("\n").split("\n")]


def above(alerts: AlertBoard, now: float = NOW, width: int = 120, height: int = 24) -> list[str]:
    """Return what stands between the header and the table."""
    lines = drawn(alerts, now, width, height)
    return lines[1 : lines.index("Waiting for the first window to close ...") - 1]


@pytest.fixture
def board() -> AlertBoard:
    return AlertBoard(5)


def test_an_alert_that_fires_is_told_by_symbol_word_name_place_since_when_and_summary(board: AlertBoard) -> None:
    board.update(states([alert(device="vda.read")]), NOW)
    assert above(board) == ["▲ warning  CpuBusy  kvm-07/web-3 vda.read  for 12 min  uses 93 % of its CPU"]


def test_where_it_is_narrow_the_summary_says_the_place_if_it_names_it(board: AlertBoard) -> None:
    board.update(states([alert()]), NOW)
    assert above(board, width=80) == ["▲ warning  CpuBusy  for 12 min  kvm-07/web-3 uses 93 % of its CPU"]
    board.update(states([alert("Own", "kvm-08", began=NOW - 900, summary="too slow")]), NOW)
    assert above(board, width=80) == [
        "▲ warning  CpuBusy  kvm-07/web-3  for 12 min  uses 93 % of its CPU",
        "▲ warning  Own      kvm-08        for 15 min  too slow",
    ]


def test_nothing_stands_above_the_table_when_nothing_fires(board: AlertBoard) -> None:
    assert above(board) == []
    pending = alert()
    board.update(states({pending.fingerprint: state(pending, "pending")}), NOW)
    assert above(board) == []


def test_the_worst_stands_first_then_the_newest_and_recovering_ones_still_fire(board: AlertBoard) -> None:
    found = [
        alert("Old", severity="warning", began=NOW - 900),
        alert("Odd", severity="page"),
        alert("New", severity="warning", began=NOW - 60),
        alert("Bad", severity="critical"),
        alert("Fyi", severity="info"),
    ]
    board.update(states({one.fingerprint: state(one, "recovering") for one in found}), NOW)
    assert [line.split()[:3] for line in above(board)] == [
        ["✖", "critical", "Bad"],
        ["▲", "warning", "New"],
        ["▲", "warning", "Old"],
        ["●", "info", "Fyi"],
        ["○", "page", "Odd"],
    ]


def test_those_that_do_not_fit_are_counted_by_severity(board: AlertBoard) -> None:
    found = [alert(f"A{number:02}", severity="critical" if number < 7 else "warning") for number in range(17)]
    board.update(states(found), NOW)
    board.update(changes(alert("Gone", ended=NOW)), NOW)
    lines = above(board)
    assert len(lines) == 6
    assert lines[-1] == "… and 13 more: 2 critical, 10 warning, 1 resolved"
    assert above(board, height=12)[-1] == "… and 16 more: 5 critical, 10 warning, 1 resolved"
    assert drawn(board, height=4)[1] == "… and 18 more: 7 critical, 10 warning, 1 resolved"
    assert "more" not in "".join(drawn(board, height=3))


def test_a_resolved_alert_goes_from_those_that_fire_and_is_shown_for_30_seconds(board: AlertBoard) -> None:
    board.update(states([alert()]), NOW)
    board.update(changes(alert(ended=NOW - 600)), NOW)
    for now in (NOW, NOW + 29):
        assert [line.split()[:7] for line in above(board, now)] == [
            ["✔", "resolved", "CpuBusy", "kvm-07/web-3", "after", "2", "min"],
        ]
    assert above(board, NOW + 30) == []


def test_one_that_fires_again_is_not_shown_as_resolved(board: AlertBoard) -> None:
    board.update(changes(alert(ended=NOW)), NOW)
    board.update(changes(alert(began=NOW + 1)), NOW + 1)
    board.update(states([alert(began=NOW + 1)]), NOW + 1)
    board.update(changes(alert(ended=NOW)), NOW + 1)
    assert [line.split()[1] for line in above(board, NOW + 1)] == ["warning"]


def test_what_was_resolved_long_ago_is_no_news(board: AlertBoard) -> None:
    board.update(changes(alert(ended=NOW), time=NOW - 31), NOW)
    assert above(board) == []


def test_a_tombstone_ends_it_also_where_nobody_told(board: AlertBoard) -> None:
    board.update(states([alert()]), NOW)
    board.update(states({alert().fingerprint: b""}), NOW)
    assert above(board) == []


def test_what_its_processor_keeps_back_and_the_watchdog_are_left_out(board: AlertBoard) -> None:
    kept, dog = alert(), alert("Watchdog", source="", severity="none")
    records = {kept.fingerprint: state(kept, inhibited="0" * 16), dog.fingerprint: state(dog, rule="Watchdog", source="")}
    board.update(states(records), NOW)
    assert above(board) == []
    board.update(states([kept]), NOW)
    assert len(above(board)) == 1


def test_what_cannot_be_read_is_refused_and_the_rest_is_shown(board: AlertBoard) -> None:
    good, other = alert("Good"), alert("Other")
    records = {good.fingerprint: state(good), "broken": b"{", "else": state(other), "array": b"[]"}
    assert set(board.update(states(records), NOW)) == {1, 2, 3}
    batch = Batch(ALERTS, 0, range(2), [NOW] * 2, ["k"] * 2, [b'{"status": "firing"}', encode(alert(ended=NOW))])
    assert set(board.update(batch, NOW)) == {0}
    assert [line.split()[2] for line in above(board)] == ["Good", "CpuBusy"]


@pytest.mark.parametrize("most", [0, 3])
def test_never_more_than_was_asked_for_are_shown(most: int) -> None:
    board = AlertBoard(most)
    board.update(states([alert(f"A{number}") for number in range(10)]), NOW)
    assert len(board.view(100, NOW).shown) == most


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 4), (20, 8), (40, 12), (80, 24), (300, 100)])
def test_it_fits_every_size(board: AlertBoard, width: int, height: int) -> None:
    board.update(states([alert(f"A{n}", "a-long-name-of-a-host/and-of-a-guest", device="/var") for n in range(9)]), NOW)
    lines = drawn(board, width=width, height=height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


@given(st.text(max_size=60), st.text(min_size=1, max_size=60), st.text(max_size=2_000))
def test_no_text_from_outside_breaks_the_frame(severity: str, name: str, summary: str) -> None:
    board = AlertBoard(5)
    found = alert(name, severity=severity, summary=summary)
    assert not board.update(states([found]), NOW)
    lines = drawn(board, width=60, height=12)
    assert len(lines) == 12
    assert all(line.isprintable() for line in lines)


async def test_lines_of_text_tell_each_change_with_its_time_and_no_state() -> None:
    reading, writing = os.pipe()
    hostile = alert(ended=NOW)
    hostile.text = "a\x1b[31m\nb"
    sink = ConsoleSink(ConsoleSettings(format="lines"), SystemClock(), stdout=writing)
    await sink.start()
    await sink.write(states([alert()]))
    await sink.write(changes(alert(began=NOW - 60), hostile))
    with pytest.raises(RefusedError, match="fingerprint"):
        await sink.write(Batch(ALERTS, 0, range(1), [NOW], ["k"], [encode(alert()).replace(b"kvm-07", b"kvm-08")]))
    await sink.close()
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as written:
        assert written.read().splitlines() == [
            "2026-11-18T11:05:40Z  [warning] CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU",
            r"2026-11-18T11:06:40Z  a\x1b[31m\nb",
        ]


async def test_json_has_aggregates_only() -> None:
    reading, writing = os.pipe()
    sink = ConsoleSink(ConsoleSettings(), SystemClock(), stdout=writing)
    await sink.start()
    await sink.write(states([alert()]))
    await sink.write(changes(alert()))
    await sink.close()
    os.close(writing)
    with os.fdopen(reading, "rb") as written:
        assert written.read() == b""


@pytest.mark.parametrize(
    ("chosen", "alerts", "inputs", "kept"),
    [
        ("auto", 5, [AGGREGATES, ALERTS], [ALERT_STATES]),
        ("lines", 1, [AGGREGATES, ALERTS], [ALERT_STATES]),
        ("live", 0, [AGGREGATES], []),
        ("json", 5, [AGGREGATES], []),
    ],
)
def test_alerts_are_read_only_where_they_are_shown(chosen: Format, alerts: int, inputs: list[str], kept: list[str]) -> None:
    spec = ROLE.spec(ConsoleSettings(format=chosen, alerts=alerts))
    assert (list(spec.inputs), list(spec.states), spec.group) == (inputs, kept, None)


async def test_many_states_never_hold_up_the_loop() -> None:
    view = LiveView(ConsoleSettings(), SystemClock(), fd=1, stderr=2)
    batch = states([alert(f"A{number}") for number in range(2_000)])
    telling = asyncio.create_task(view.tell(batch))
    turns = 0
    while not telling.done():
        await asyncio.sleep(0)
        turns += 1
    assert not telling.result()
    assert turns > 1
