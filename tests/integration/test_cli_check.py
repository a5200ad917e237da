"""What `check` says of the rules, on a real log."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from virtpulse.cli import previewing
from virtpulse.clock import SystemClock
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport

PENDING = "1 alert pending, fires once it has held for 15 min"
RULES = """
[processors.alerts]
disable = ["*"]

[[rules]]
name = "Busy"
metric = "system.cpu.*"
above = 90

[[rules]]
name = "Idle"
metric = "system.cpu.utilization"
below = 5

[[rules]]
name = "Slow"
metric = "system.cpu.utilization"
above = 90
for = "15m"

[[rules]]
name = "Odd"
metric = "my.metric.*"
above = 1

[[rules]]
name = "Elsewhere"
metric = "system.cpu.utilization"
source = "x*"
above = 1

[[rules]]
name = "Crashed"
on = "sample"
facts = { "vm.state" = "crashed" }

[[rules]]
name = "Broken"
on = "deadletter"

[[rules]]
name = "Silent"
on = "silence"
of = "hosts"
"""


def window(source: str, end: float, ratio: float) -> Outgoing:
    cell = {"part": ratio, "whole": 100, "ratio": ratio, "min": ratio, "max": ratio, "last": ratio, "count": 10}
    document = {
        "source": source, "start": end - 10, "end": end, "samples": 10, "late": 0, "repeated": 0,
        "resources": {"system.cpu.utilization": cell}, "facts": {},
    }  # fmt: skip
    return Outgoing(AGGREGATES, source, json.dumps(document).encode(), 0)


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:  # noqa: ARG001 - the commands run in its folder
    (tmp_path / "virtpulse.toml").write_text(RULES, encoding="utf-8")
    now = time.time()
    publish(tmp_path, [window("kvm-07", now - back, 97.0) for back in (20, 10, 0)] + [window("kvm-08", now, 20.0)])
    return tmp_path


def publish(folder: Path, messages: Sequence[Outgoing]) -> None:
    async def send() -> None:
        transport = open_transport(f"local:{folder}/state/virtpulse/virtpulse.db", SystemClock())
        await transport.start()
        await transport.publish(messages)
        await transport.close()

    asyncio.run(send())


@pytest.mark.usefixtures("folder")
def test_of_each_rule_it_says_what_it_matches_and_whether_it_would_fire(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtpulse.cli.check.prints_json", lambda *, asked: asked)
    result = run("check")
    lines = result.out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("rules"))
    assert result.code == 0
    assert lines[first : first + 9] == [
        "rules          8, judged on the last 20 min of data",
        "  Busy       2 metrics of 2 sources, worst 97 of kvm-07 system.cpu.utilization: would fire, 1 alert",
        "  Idle       2 metrics of 2 sources, worst 20 of kvm-08 system.cpu.utilization: would not fire",
        "  Slow       2 metrics of 2 sources, worst 97 of kvm-07 system.cpu.utilization: " + PENDING,
        "  Odd        warning: the catalogue knows no metric that matches my.metric.*",
        "  Elsewhere  matches nothing in this data",
        "  Crashed    judges samples when they come: would not fire",
        "  Broken     judges dead letters when they come",
        "  Silent     judges sources when they fall silent",
    ]


@pytest.mark.usefixtures("folder")
def test_programs_are_told_the_same_as_json(run: Run) -> None:
    result = run("check", "--json")
    (report,) = result.documents
    assert result.code == 0
    found: dict[str, dict[str, Any]] = {rule["rule"]: rule for rule in report["rules"]}
    told = {name: (rule["metrics"], rule["firing"], rule["pending"], rule["holds"]) for name, rule in found.items()}
    assert told["Busy"] == (2, 1, 0, 0.0)
    assert told["Idle"] == (2, 0, 0, 0.0)
    assert told["Slow"] == (2, 0, 1, 900.0)
    assert told["Odd"] == (0, 0, 0, 0.0)
    assert found["Odd"]["warning"] == "the catalogue knows no metric that matches my.metric.*"
    assert (found["Busy"]["worst"], found["Busy"]["worst_of"]) == (97.0, "kvm-07 system.cpu.utilization")
    assert report["judged_on"] == {"wanted": 1_200.0, "spans": {"samples": 1_200.0, "aggregates": 1_200.0}}


def test_of_too_many_messages_the_newest_are_judged_and_that_is_said(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "_MOST_MESSAGES", 20)
    publish(folder, [window("kvm-09", time.time(), 1.0) for _ in range(10)] + [window("kvm-09", time.time(), 50.0)])
    (report,) = run("check").documents
    assert report["judged_on"]["spans"]["aggregates"] == 1_200.0
    monkeypatch.setattr(previewing, "_MOST_MESSAGES", 11)
    (report,) = run("check").documents
    assert report["judged_on"]["spans"]["samples"] == 1_200.0
    assert report["judged_on"]["spans"]["aggregates"] < 1_200.0
    monkeypatch.setattr("virtpulse.cli.check.prints_json", lambda *, asked: asked)
    assert "  of the aggregates only the last " in run("check").out


def test_no_rule_is_judged_where_nobody_judges_any(run: Run) -> None:
    (report,) = run("check", "--set", 'up.processors=["windows"]').documents
    assert (report["rules"], report["judged_on"]["spans"]) == ([], {})


def test_receivers_that_nobody_would_tell_are_said(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "virtpulse.toml"
    path.write_text('[[sinks.webhook.to]]\nname = "mine"\nurl = "http://127.0.0.1:1/"\n', encoding="utf-8")
    assert json.loads(run("check", "--config", str(path)).out)["left_out"] == ["webhook"]
