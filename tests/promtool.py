"""What Prometheus makes of alert rules, asked of `promtool test rules`."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

STEP = 10.0  # seconds between two evaluations

_FIRING = 'ALERTS{alertstate="firing"}'
_WITHIN = 50.0  # seconds that promtool may take
_TIME = re.compile(r"time: (\S+),")
_SERIES = re.compile(r'ALERTS", alertname="(\w+)", alertstate="firing", device="(\w+)"')
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}

Name = tuple[str, str]  # of a rule, and the device whose series it judges
Spans = list[tuple[int, int | None]]  # steps at which an alert began to fire and was resolved; None where it fires at the end


class PromRule(NamedTuple):
    """An alerting rule; `expr` is PromQL over `value{rule="NAME", device="..."}`. Durations in seconds."""

    name: str
    expr: str
    hold: float
    lasting: float


def firing_spans(folder: Path, rules: Sequence[PromRule], series: Mapping[Name, Sequence[float | str]]) -> dict[Name, Spans]:
    """Return when each alert fired over series of one length; a value may also be promtool's `_` or `stale`.

    The expectation of each step is that nothing fires, so that promtool says in its complaints what does.
    """
    steps = len(next(iter(series.values())))
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": [_rule(rule) for rule in rules]}]}))
    asked = [{"expr": _FIRING, "eval_time": f"{step * STEP:g}s"} for step in range(steps)]
    given = [
        {"series": f'value{{rule="{rule}", device="{device}"}}', "values": " ".join(map(str, values))}
        for (rule, device), values in series.items()
    ]
    test = {"interval": f"{STEP:g}s", "input_series": given, "promql_expr_test": asked}
    document = {"rule_files": ["rules.yml"], "evaluation_interval": f"{STEP:g}s", "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(document))
    command = ["promtool", "test", "rules", "test.yml"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_WITHIN)
    assert "FAILED" in said.stdout + said.stderr, "nothing fired, or promtool did not run"
    return _spans(said.stdout + said.stderr, steps)


def _rule(rule: PromRule) -> dict[str, str]:
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": f"{rule.hold:g}s",
        "keep_firing_for": f"{rule.lasting:g}s",
    }


def _spans(complaints: str, steps: int) -> dict[Name, Spans]:
    firing: dict[Name, list[int]] = defaultdict(list)
    step = 0
    for line in complaints.splitlines():
        if moment := _TIME.search(line):
            step = round(_seconds(moment[1]) / STEP)
        for name, device in _SERIES.findall(line):
            firing[name, device].append(step)
    return {name: _joined(found, steps) for name, found in firing.items()}


def _joined(firing: Sequence[int], steps: int) -> Spans:
    """Return the spans of steps that follow one another."""
    there = set(firing)
    begins = [step for step in firing if step - 1 not in there]
    ends = [step + 1 for step in firing if step + 1 not in there]
    return [(begin, end if end < steps else None) for begin, end in zip(begins, ends, strict=True)]


def _seconds(text: str) -> float:
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))
