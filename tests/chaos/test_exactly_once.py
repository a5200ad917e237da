"""Windows over the embedded log, killed again and again: every message in one window or late, every aggregate once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.programs.window_answer import differences, sort_and_group
from tests.chaos.programs.window_log import Plan, make_lines

PROGRAM = Path(__file__).parent / "programs" / "exactly_once.py"
TUMBLING = ("--samples", "5000", "--kills", "8")
HOPPING = ("--samples", "3000", "--kills", "5", "--size", "10", "--hop", "4")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", [TUMBLING, HOPPING], ids=["tumbling", "hopping"])
def test_a_killed_worker_leaves_what_sorting_and_grouping_gives(options: tuple[str, ...]) -> None:
    tried = subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True, check=False, timeout=280)
    assert tried.returncode == 0, tried.stderr
    figures = json.loads(tried.stdout)
    assert figures["kills"].get("starting", 0) + figures["kills"]["processing"] == int(options[3])
    assert figures["late"] > 0
    assert figures["aggregates"] > 100


def test_what_is_missing_twice_or_wrong_in_the_output_is_told() -> None:
    plan = Plan(samples=600, kills=0, size=10.0, hop=10.0, lateness=2.0, batches=(), seed=1)
    answer = sort_and_group(make_lines(plan), plan)
    aggregates = [json.dumps(document).encode() for document in answer.aggregates.values()]
    late = [json.dumps({**document, "missed": missed}).encode() for found in answer.late.values() for document, missed in found]
    assert late
    assert not list(differences(answer, aggregates, late))
    wrong = aggregates[0].replace(b'"samples": ', b'"samples": 9')
    for output in (aggregates[1:], [*aggregates, aggregates[0]], [wrong, *aggregates[1:]]):
        assert len(list(differences(answer, output, late))) == 1
    assert list(differences(answer, aggregates, late[1:]))
