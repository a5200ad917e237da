"""How many silences a notifier holds, and what they cost."""

import time
from typing import Final

import pytest

from virtpulse.errors import InvalidError
from virtpulse.messages.silence import Silence
from virtpulse.runtime.notifying import silences
from virtpulse.runtime.notifying.silences import Silences

NOW: Final = 1_800_000_000.0
LABELS: Final = {"alertname": "CpuBusy", "severity": "warning", "host": "kvm-07", "vm": "web-3"}


def silence(name: str, *matchers: str, ends: float = NOW + 60) -> Silence:
    return Silence(id=name, matchers=matchers or (f"host={name}",), starts=NOW - 60, ends=ends, created=NOW - 60)


def test_hundreds_of_silences_of_fifty_globs_are_read_once_and_tried_in_a_moment() -> None:
    held = Silences()
    for number in range(300):
        held.put(silence(f"s{number}", *(f"vm!=*{number}-{glob}*" for glob in range(49)), "host=x*"), NOW)
    held.look(NOW)
    begun = time.perf_counter()
    for _ in range(10):
        assert not held.silenced(LABELS)
    assert time.perf_counter() - begun < 1.0  # twenty times what it takes; to compile them again would take four seconds


def test_no_more_are_held_than_there_may_be_but_those_that_are_over_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "MAX_SILENCES", 3)
    held = Silences()
    for silent in (silence("a"), silence("b", ends=NOW + 10), silence("kvm-07")):
        held.put(silent, NOW)
    with pytest.raises(InvalidError, match="more than 3 silences are in force or to come; the others are left out"):
        held.put(silence("d"), NOW)
    held.put(silence("kvm-07", "host=kvm-08"), NOW)  # in its own place
    held.look(NOW)
    assert not held.silenced(LABELS)
    held.put(silence("d", "host=kvm-0?"), NOW + 10)
    held.look(NOW + 10)
    assert held.silenced(LABELS)
    held.remove("a")
    held.put(silence("e"), NOW + 10)
