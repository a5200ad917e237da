"""Lines about alerts: what they say, their colour, and that no document breaks them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telling import alert
from virtpulse.cli import alert_lines
from virtpulse.cli.alert_lines import alert_line, inhibited_line, marked_line
from virtpulse.messages.examples import examples

FIRING, RESOLVED = examples("Alert")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a wide terminal with colours, in the same time zone everywhere."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_firing_alert_says_when_how_bad_and_what() -> None:
    line = ESCAPES.sub("", alert_line(FIRING))
    words = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  firing     warning   CpuBusy kvm-07/web-3: kvm-07/web-3 uses 93 % of its CPU"
    assert re.fullmatch(words, line)


def test_a_resolved_alert_says_when_it_ended_and_how_long_it_lasted() -> None:
    fired, resolved = (ESCAPES.sub("", alert_line(document)) for document in (FIRING, RESOLVED))
    assert "  resolved   warning   [resolved after 3 min] CpuBusy" in resolved
    assert fired[:19] < resolved[:19]


def test_a_state_that_is_kept_back_is_said_to_be() -> None:
    assert "  inhibited  warning   CpuBusy kvm-07/web-3" in ESCAPES.sub("", inhibited_line(examples("AlertState")[1]))


@pytest.mark.parametrize(
    ("status", "severity", "colour"),
    [
        ("firing", "critical", "1;31"),
        ("firing", "warning", "33"),
        ("firing", "info", "36"),
        ("resolved", "critical", "32"),
        ("inhibited", "critical", "90"),
        ("silenced", "critical", "90"),
    ],
)
def test_the_colour_is_that_of_what_matters(status: str, severity: str, colour: str) -> None:
    assert marked_line(1.0, status, severity, "text").count(f"\x1b[{colour}m") == 1
    assert marked_line(1.0, status, severity, "text").endswith("\x1b[0mtext")


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours_nothing_but_text_is_written(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    assert marked_line(1.0, "firing", "critical", "text").isprintable()


def test_a_line_is_cut_to_the_terminal_not_counting_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_lines, "fitted", lambda line: line[:60])
    assert len(ESCAPES.sub("", alert_line(FIRING))) == 60


def test_what_a_terminal_could_obey_is_written_out() -> None:
    line = marked_line(1.0, "firing\x1b[2J", "critical\x07", "text\x1b]0;x\x07\u202e")
    assert ESCAPES.sub("", line).isprintable()


def test_an_alert_of_the_code_is_told() -> None:
    assert "CpuBusy kvm-07/web-3" in alert_line({"text": alert(began=1.0, vm="web-3").text})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["status", "labels", "startsAt", "endsAt", "text", "alert", "severity"])


@settings(deadline=None)
@given(st.dictionaries(fields, json_values | st.dictionaries(fields, json_values)))
def test_any_document_becomes_one_line(document: dict[str, object]) -> None:
    for line in (alert_line(document), inhibited_line(document)):
        assert ESCAPES.sub("", line).isprintable()
