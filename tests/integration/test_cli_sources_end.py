"""`sources end`, `forget` and `list` on a real log, and what the windows make of it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from virtpulse.clock import SystemClock
from virtpulse.messages.alert import Alert, AlertState, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import to_rfc3339
from virtpulse.topics import ALERT_STATES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport

NAMES = ["kvm-07", "kvm-07/web-3", "kvm-07/web-4", "kvm-08"]
DRAINED = ("run", "processor", "windows", "--drain")


@pytest.fixture
def sources(run: Run, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """Fill the inventory; return a function that reads it: for each source and view how it ended."""
    documents = [{"source": name, "time": time.time(), "interval": 0.1} for name in NAMES]
    documents.append({"source": "kvm-07/web-3", "view": "probes", "time": time.time()})
    file = tmp_path / "s.jsonl"
    file.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    run("publish", "samples", str(file))
    run(*DRAINED)
    return lambda: {
        " ".join((found["source"], *([found["view"]] if "view" in found else []))): found.get("ended")
        for found in run("sources", "list").documents
    }


def test_a_host_ends_with_all_that_is_below_it(run: Run, sources: Callable[[], dict[str, Any]]) -> None:
    result = run("sources", "end", "kvm-07", "--as", "shutdown")
    assert result.code == 0
    assert [(found["source"], found.get("view"), found["ended"]) for found in result.documents] == [
        ("kvm-07", None, "shutdown"),
        ("kvm-07/web-3", None, "shutdown"),
        ("kvm-07/web-3", "probes", "shutdown"),
        ("kvm-07/web-4", None, "shutdown"),
    ]
    run(*DRAINED)
    ended = dict.fromkeys(("kvm-07", "kvm-07/web-3", "kvm-07/web-3 probes", "kvm-07/web-4"), "shutdown")
    assert sources() == {**ended, "kvm-08": None}
    assert run("sources", "end", "kvm-07", "--as", "shutdown").documents == []


def test_what_ended_is_said_with_numbers(
    run: Run, sources: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(sources().values()) == {None}
    monkeypatch.setattr("virtpulse.cli.sources.prints_json", lambda *, asked: asked)
    assert run("sources", "end", "kvm-07", "kvm-08").out.splitlines() == [
        "kvm-07: 3 sources ended as stopped, 2 of them below it",
        "kvm-08: 1 source ended as stopped",
    ]
    run(*DRAINED)
    assert run("sources", "end", "kvm-*", "--as", "stopped").out == "kvm-*: 4 sources had ended so before\n"
    lines = run("sources", "list").out.splitlines()
    assert lines[-1] == "4 sources: 4 ended"
    assert len([line for line in lines if line.endswith("ended: stopped")]) == 5
    forgotten = run("sources", "forget", "kvm-07/web-3").out.splitlines()
    assert forgotten[0] == "kvm-07/web-3: 1 source ended as deleted"
    assert forgotten[1].startswith("They leave the inventory once")


def test_a_source_that_is_silent_is_listed_so(
    run: Run, tmp_path: Path, sources: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def publish() -> None:
        transport = open_transport(f"local:{tmp_path}/state/virtpulse/virtpulse.db", SystemClock())
        await transport.start()
        labels = {"alertname": "HostSilent", "host": "kvm-08"}
        alert = Alert(
            status="firing", labels=labels, annotations={}, starts_at=to_rfc3339(1), fingerprint=fingerprint(labels), text=""
        )
        record = AlertState(
            fingerprint=alert.fingerprint, state="firing", rule="HostSilent", source="kvm-08", since=1.0, fired=1.0, alert=alert
        )
        other = AlertState(fingerprint="1" * 16, state="pending", rule="HostSilent", source="kvm-07", since=1.0)
        await transport.publish([Outgoing(ALERT_STATES, one.fingerprint, encode(one)) for one in (record, other)])
        await transport.close()

    asyncio.run(publish())
    assert sources()["kvm-08"] is None
    run("sources", "end", "kvm-07/web-4")
    run(*DRAINED)
    monkeypatch.setattr("virtpulse.cli.sources.prints_json", lambda *, asked: asked)
    lines = run("sources", "list").out.splitlines()
    assert [line.split()[2] for line in lines if line.endswith("silent")] == ["kvm-08"]
    assert lines[-1] == "4 sources: 2 here, 1 silent, 1 ended"


@pytest.mark.slow
def test_a_source_that_is_forgotten_leaves_the_inventory_while_the_windows_run(
    run: Run, sources: Callable[[], dict[str, Any]]
) -> None:
    assert run("sources", "forget", "kvm-07/web-3").code == 0
    quick = [f"processors.windows.{name}" for name in ("size=100ms", "lateness=0s", "idle=100ms")]
    run("run", "processor", "windows", "--duration", "3s", *(part for one in quick for part in ("--set", one)))
    assert set(sources()) == {"kvm-07", "kvm-07/web-4", "kvm-08"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("end",), "name a source"),
        (("forget",), "name a source"),
        (("end", "kvm-07/wbe-3"), 'there is no source "kvm-07/wbe-3"; did you mean kvm-07/web-3 or '),
        (("end", "kvm-07", "nobody"), 'there is no source "nobody"'),
        (("end", "kvm-07", "--as", "gone"), "stopped"),
        (("forget", "kvm-07", "--as", "stopped"), "--as"),
    ],
)
def test_what_cannot_be_ended_is_said_in_one_line_and_nothing_ends(
    run: Run, sources: Callable[[], dict[str, Any]], arguments: tuple[str, ...], said: str
) -> None:
    result = run("sources", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.startswith("virtpulse: ")
    assert len(result.err.splitlines()) == 1
    run(*DRAINED)
    assert set(sources().values()) == {None}
