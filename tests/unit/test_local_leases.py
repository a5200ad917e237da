"""Ownership of a group's partition, step by step, with the steady clock in the test's hand."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtpulse.errors import PartitionLostError
from virtpulse.transports.local.leases import LEASE_SECONDS, Member, acquire, release, renew, require_owner
from virtpulse.transports.local.processes import ProcessId, is_gone, this_process
from virtpulse.transports.local.schema import open_database

A, B = Member("g", "a", ""), Member("g", "b", "")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "log.db")
    yield connection
    connection.close()


def test_a_lease_keeps_others_out_until_it_runs_out(log: sqlite3.Connection) -> None:
    assert acquire(log, A, ["t"], 100.0) is not None
    assert acquire(log, B, ["t"], 100.0 + LEASE_SECONDS - 0.01) is None
    assert acquire(log, B, ["t"], 100.0 + LEASE_SECONDS) is not None


def test_each_owner_has_a_later_generation(log: sqlite3.Connection) -> None:
    generations = []
    for number in range(5):
        ownership = acquire(log, (A, B)[number % 2], ["t"], 100.0 + 10 * number)
        assert ownership is not None
        generations.append(ownership.generation)
    assert generations == [1, 2, 3, 4, 5]


def test_a_renewed_lease_lasts(log: sqlite3.Connection) -> None:
    ownership = acquire(log, A, ["t"], 100.0)
    assert ownership is not None
    assert renew(log, A, ownership.generation, 103.0)
    assert acquire(log, B, ["t"], 105.0) is None


def test_an_owner_that_was_replaced_cannot_renew_nor_write(log: sqlite3.Connection) -> None:
    old = acquire(log, A, ["t"], 100.0)
    new = acquire(log, B, ["t"], 110.0)
    assert old is not None
    assert new is not None
    assert not renew(log, A, old.generation, 111.0)
    with pytest.raises(PartitionLostError):
        require_owner(log, A, old.generation)
    require_owner(log, B, new.generation)


def test_an_owner_that_was_only_late_is_still_the_owner(log: sqlite3.Connection) -> None:
    ownership = acquire(log, A, ["t"], 100.0)
    assert ownership is not None
    require_owner(log, A, ownership.generation)
    assert renew(log, A, ownership.generation, 1_000.0)


def test_a_member_that_owned_before_is_fenced_by_its_generation(log: sqlite3.Connection) -> None:
    first = acquire(log, A, ["t"], 100.0)
    acquire(log, B, ["t"], 110.0)
    again = acquire(log, A, ["t"], 120.0)
    assert first is not None
    assert again is not None
    with pytest.raises(PartitionLostError):
        require_owner(log, A, first.generation)


def test_a_released_lease_is_free_at_once(log: sqlite3.Connection) -> None:
    acquire(log, A, ["t"], 100.0)
    assert not release(log, B)
    assert release(log, A)
    assert acquire(log, B, ["t"], 100.0) is not None


def test_a_lease_from_before_a_restart_of_the_machine_is_free(log: sqlite3.Connection) -> None:
    acquire(log, A, ["t"], 100_000.0)
    assert acquire(log, B, ["t"], 5.0) is not None


def test_a_lease_of_a_process_that_ended_is_free_at_once(log: sqlite3.Connection) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = ProcessId(*this_process().split(" "))  # type: ignore[arg-type] # only its text is used
    started = (Path("/proc") / str(child.pid) / "stat").read_text().rpartition(")")[2].split()[19]
    name = str(ProcessId(here.boot, here.namespace, child.pid, started))
    acquire(log, Member("g", "a", name), ["t"], 100.0)
    assert acquire(log, B, ["t"], 100.1) is None
    child.kill()
    child.communicate()
    assert acquire(log, B, ["t"], 100.1) is not None


def test_a_process_that_waits_to_be_reaped_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    boot, namespace, _, _ = this_process().split(" ")
    assert child.stdout is not None
    child.stdout.read()
    while (Path("/proc") / str(child.pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    started = (Path("/proc") / str(child.pid) / "stat").read_text().rpartition(")")[2].split()[19]
    assert is_gone(f"{boot} {namespace} {child.pid} {started}")
    child.communicate()


def test_only_a_process_that_certainly_ended_is_gone() -> None:
    boot, namespace, number, started = this_process().split(" ")
    assert not is_gone(f"{boot} {namespace} {number} {started}")
    assert is_gone(f"{boot} {namespace} {number} {int(started) - 1}"), "the number was given to another process"
    assert is_gone(f"another-boot {namespace} {number} {started}")
    assert not is_gone(f"{boot} 1 999999999 {started}"), "a process of another container cannot be seen"
    for nonsense in ("", "x", "a b c d", "a b 1"):
        assert not is_gone(nonsense)
