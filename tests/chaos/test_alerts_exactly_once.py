"""Alerts over the embedded log, their worker killed again and again: each change is told once, in the same order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.programs.alerts_exactly_once import Left, differences, out_of_turn

PROGRAM = Path(__file__).parent / "programs" / "alerts_exactly_once.py"
KILLS = 10


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_worker_says_and_remembers_what_an_undisturbed_one_does() -> None:
    options = ("--aggregates", "10000", "--kills", str(KILLS))
    tried = subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True, check=False, timeout=280)
    assert tried.returncode == 0, tried.stderr
    figures = json.loads(tried.stdout)
    assert figures["kills"].get("starting", 0) + figures["kills"]["processing"] == KILLS
    assert figures["refused"] == 0
    assert len(figures["rules"]) == 20  # each of ten fires, and is resolved
    assert all(count > 50 for count in figures["rules"].values())


def test_what_is_missing_twice_or_in_another_order_is_told() -> None:
    def alert(fingerprint: str, status: str) -> bytes:
        return json.dumps({"fingerprint": fingerprint, "status": status, "text": f"{fingerprint} {status}"}).encode()

    first, second, third = alert("a", "firing"), alert("b", "firing"), alert("a", "resolved")
    right = Left([first, second, third], {"b": b"1"}, [])
    assert not list(differences(right, right, "itself"))
    assert not list(out_of_turn(right.alerts))
    for wrong in ([first, second], [first, third, second], [first, first, second, third]):
        assert len(list(differences(right, right._replace(alerts=wrong), "another"))) == 1
    assert list(differences(right, right._replace(states={}), "another"))
    assert list(out_of_turn([first, first]))
    assert list(out_of_turn([third]))
