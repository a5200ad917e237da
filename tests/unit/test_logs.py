"""Logs go to standard error: for people, or as JSON lines; secrets stay out of both."""

import io
import json
import logging
import subprocess
import sys
import warnings

import pytest

from virtpulse.config.secrets import Secret
from virtpulse.logs import configure, get_logger
from virtpulse.redaction import MASK


@pytest.fixture(autouse=True)
def _as_before(logs_as_before: None) -> None:
    """Leave logging as it was."""


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert not out
    return [json.loads(line) for line in err.splitlines()]


def test_a_log_line_is_one_json_document_with_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    get_logger("a.b").info("took samples", count=3, odd=object, nested={1: [2]})
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"], line["count"]) == ("took samples", "info", "a.b", 3)
    assert line["nested"] == {"1": [2]}


def test_without_a_terminal_json_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    get_logger("a").warning("something")
    assert lines(capsys)[0]["level"] == "warning"


def test_a_person_reads_time_level_event_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    get_logger("a.b").info("took samples", count=3)
    err = capsys.readouterr().err
    assert "took samples" in err
    assert "count=3" in err
    assert "\x1b" not in err, "colours are for terminals"


def test_on_a_terminal_lines_are_for_people_and_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    configure()
    get_logger("a").info("hello")
    assert "\x1b[" in terminal.getvalue()


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202etxt\u200b\r\n"


def test_a_terminal_is_sent_nothing_that_it_could_obey(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    get_logger("a").warning(f"event {HOSTILE}", bare=HOSTILE, spaced=f"a {HOSTILE}", nested={HOSTILE: [HOSTILE]})
    logging.getLogger("library").warning("told: %s", HOSTILE)
    err = capsys.readouterr().err
    assert all(line.isprintable() for line in err.split("\n"))
    assert err.count("\n") == 2
    assert "bare=\\x1b]0;owned\\x07" in err


def test_a_traceback_keeps_its_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError(HOSTILE)

    configure("console")
    try:
        fail()
    except ValueError:
        get_logger("a").exception("failed")
        logging.getLogger("library").exception("failed")
    err = capsys.readouterr().err
    assert all(line.isprintable() for line in err.split("\n"))
    assert err.count("\n  File ") == 4


def test_the_level_is_held_by_loggers_made_before(capsys: pytest.CaptureFixture[str]) -> None:
    log = get_logger("early")
    configure("json", "warning")
    log.info("not this")
    log.error("this")
    assert [line["event"] for line in lines(capsys)] == ["this"]


def test_the_stream_is_looked_up_at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("json")
    log = get_logger("a")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    log.info("into the new stream")
    assert "into the new stream" in later.getvalue()


def test_a_stream_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("json")
    closed = io.StringIO()
    closed.close()
    for gone in (closed, None):
        monkeypatch.setattr(sys, "stderr", gone)
        get_logger("a").info("nobody hears this")


def test_the_standard_library_logs_and_warns_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    configure("json")
    logging.getLogger("library").warning("slow by %d s", 3)
    logging.getLogger("library").info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    first, second = lines(capsys)
    assert (first["event"], first["logger"], first["level"]) == ("slow by 3 s", "library", "warning")
    assert "UserWarning: old" in str(second["event"])


def test_an_exception_is_told_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        get_logger("a").exception("failed")
    (line,) = lines(capsys)
    assert "ZeroDivisionError" in str(line["exception"])


def test_what_json_cannot_say_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    get_logger("a").info("odd \udc80", large=2**100)
    assert lines(capsys)[0]["large"] == 2**100


def test_secrets_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("correct horse battery")
    configure("json")
    get_logger("a").error("login failed", secret=secret, server=f"told us: {secret.reveal()}", url="mqtt://me:pw@host")
    err = capsys.readouterr().err
    assert "horse" not in err
    assert "pw@" not in err
    assert MASK in err


def test_logging_imports_neither_rich_nor_numpy() -> None:
    program = """
import sys
from virtpulse.logs import configure, get_logger
for format in ("json", "console"):
    configure(format)
    get_logger("a").info("hello")
assert not {"rich", "numpy"} & set(sys.modules)
import rich
from virtpulse.redaction import redact
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
