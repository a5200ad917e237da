"""What a machine tells of its clocks. psutil is replaced: whether it has cpufreq is the machine's, not the test's."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from producers.host.deltas import Deltas
from producers.host.frequency import Frequency


@pytest.fixture
def deltas() -> Deltas:
    found = Deltas(interval=1.0)
    found.now = 0.0
    return found


def test_without_cpufreq_the_clocks_are_carried_with_an_unknown_maximum(
    tmp_path: Path, deltas: Deltas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "cpu_freq", lambda percpu: [SimpleNamespace(current=2300.0, percpu=percpu)] * 2)
    assert Frequency(tmp_path).look(deltas).performance == {"system.cpu.frequency": (4.6e9, 0.0)}


def test_a_machine_that_tells_no_clock_has_no_row(tmp_path: Path, deltas: Deltas, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(percpu: bool) -> None:  # noqa: FBT001 - psutil's own signature
        raise FileNotFoundError(percpu)

    monkeypatch.setattr(psutil, "cpu_freq", missing)
    assert Frequency(tmp_path).look(deltas).performance == {}
