"""`virtpulse up` and its neighbours as a user meets them: real processes, real signals, this machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Final

import pytest

pytestmark = pytest.mark.slow

COMMAND: Final = (sys.executable, "-P", "-m", "virtpulse")
SHORT_WINDOWS: Final = ("--set", "processors.windows.size=1s", "--set", "processors.windows.lateness=200ms")
PATIENCE: Final = 20.0  # seconds; a busy machine is slow, not wrong

Document = dict[str, Any]


def transport(folder: Path) -> tuple[str, str]:
    return ("--transport", f"local:{folder}/log.db")


def run(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401 those of subprocess
    command = [*COMMAND, *arguments, *transport(folder)]
    return subprocess.run(command, capture_output=True, cwd=folder, check=False, timeout=40, **options)


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command; what still runs in the end is killed."""
    command = [*COMMAND, *arguments, *transport(folder)]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def documents(output: bytes) -> list[Document]:
    return [json.loads(line) for line in output.splitlines()]


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return the next line of standard output, within the patience that there is."""
    lines: Queue[bytes] = Queue()
    assert process.stdout is not None
    threading.Thread(target=lambda stream: lines.put(stream.readline()), args=(process.stdout,), daemon=True).start()
    try:
        return lines.get(timeout=PATIENCE)
    except Empty:
        pytest.fail(f"nothing was printed within {PATIENCE:g} s")


def test_up_prints_aggregates_of_this_machine_and_logs_elsewhere(tmp_path: Path) -> None:
    done = run(tmp_path, "up", "--duration", "5s", "--json", *SHORT_WINDOWS)
    assert done.returncode == 0, done.stderr
    aggregates = documents(done.stdout)
    assert len(aggregates) >= 3
    resources = {key for aggregate in aggregates for key in aggregate["resources"]}
    assert resources > {"system.cpu.utilization", "system.cpu.utilization@user", "system.memory.utilization"}
    assert {key for aggregate in aggregates for key in aggregate["faults"]} > {"system.paging.faults"}
    assert all("system.cpu.frequency" in aggregate["performance"] for aggregate in aggregates)
    for aggregate in aggregates:
        assert aggregate["end"] == aggregate["start"] + 1
        assert aggregate["samples"] >= 1
        assert aggregate["facts"]["host.cpu.count"] == os.cpu_count()
        assert 0 <= aggregate["resources"]["system.memory.utilization"]["ratio"] <= 100
    logs = documents(done.stderr)
    assert {log["role"] for log in logs if log["event"] == "counts"} == {"host", "windows", "alerts", "console"}
    assert logs[-1]["event"] == "stopped cleanly"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_that_was_measured_is_stored_when_up_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path, "up", "--json", *SHORT_WINDOWS) as process:
        assert first_line(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors
    logs = documents(errors)
    assert logs[-1]["event"] == "stopped cleanly"
    (host,) = [log for log in logs if log.get("role") == "host" and log["event"] == "counts"]
    samples = documents(run(tmp_path, "watch", "samples", "--drain", "--json").stdout)
    assert len(samples) == host["sent"] > 0


def test_a_reader_that_leaves_ends_up_quietly(tmp_path: Path) -> None:
    with started(tmp_path, "up", "--json", *SHORT_WINDOWS) as process:
        assert json.loads(first_line(process))["source"]
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert b"rror" not in errors, errors


def test_a_second_process_sees_the_aggregates_live(tmp_path: Path) -> None:
    with started(tmp_path, "up", "--json", *SHORT_WINDOWS) as up:
        assert first_line(up)
        with started(tmp_path, "watch", "aggregates", "--json", "--count", "2") as watching:
            output, errors = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 0, errors
    seen = documents(output)
    assert len(seen) == 2
    assert time.time() - seen[-1]["end"] < PATIENCE


def test_an_aggregate_is_read_elsewhere_soon_after_the_sample_that_closed_its_window(tmp_path: Path) -> None:
    """The bound is generous: what counts is that nobody waits for a poll of a second or more."""
    delays = []
    with (
        started(tmp_path, "run", "processor", "windows", *SHORT_WINDOWS),
        started(tmp_path, "watch", "aggregates", "--from", "start", "--json") as watching,
        started(tmp_path, "publish", "samples") as publishing,
    ):
        assert publishing.stdin is not None
        start = int(time.time()) - 500
        for number in range(12):
            sample = {"source": "probe", "time": start + 2 * number, "resources": {"m.x": [1, 2]}}
            publishing.stdin.write(json.dumps(sample).encode() + b"\n")
            publishing.stdin.flush()
            sent = time.monotonic()
            if number:
                assert json.loads(first_line(watching))["start"] == start + 2 * (number - 1)
                delays.append(time.monotonic() - sent)
    assert sorted(delays)[len(delays) // 2] < 0.5, delays


def test_roles_in_processes_of_their_own_meet_at_the_log(tmp_path: Path) -> None:
    assert run(tmp_path, "run", "producer", "host", "--duration", "2s", "--set", "producers.host.interval=200ms").returncode == 0
    assert run(tmp_path, "run", "processor", "windows", "--drain").returncode == 0
    printed = run(tmp_path, "run", "sink", "console", "--drain", "--json")
    assert run(tmp_path, "run", "sink", "jsonl", "--drain").returncode == 0
    (file,) = (tmp_path / "virtpulse-data").iterdir()
    watched = run(tmp_path, "watch", "aggregates", "--drain", "--json")
    assert printed.stdout == watched.stdout == file.read_bytes()
    samples = documents(run(tmp_path, "watch", "samples", "--drain").stdout)
    assert sum(aggregate["samples"] for aggregate in documents(watched.stdout)) == len(samples) >= 5
    (source,) = documents(run(tmp_path, "sources", "list", "--json").stdout)
    assert source["source"] == samples[0]["source"]
    standing = {line["group"]: line["lag"] for line in documents(run(tmp_path, "positions", "show", "--json").stdout)}
    assert standing == {"windows": 0, "jsonl": 0}


def test_what_fails_while_it_runs_ends_with_one(tmp_path: Path) -> None:
    refused = run(tmp_path, "publish", "samples", input=b'{"source": "a", "time": 1}\nnonsense\n')
    assert refused.returncode == 1
    assert b"line 2" in refused.stderr
    assert len(documents(run(tmp_path, "watch", "samples", "--drain").stdout)) == 1
    (tmp_path / "log.db").write_bytes(b"this is no log" * 1_000)
    for arguments in (("up", "--duration", "1s"), ("check",), ("watch", "samples", "--drain")):
        broken = run(tmp_path, *arguments)
        assert broken.returncode == 1, (arguments, broken.stderr)
        assert b"Traceback" not in broken.stderr
