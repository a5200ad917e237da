"""From a busy processor to an alert that another process reads: `virtpulse up` and `virtpulse watch alerts`, on this machine."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from virtpulse.messages.moments import from_rfc3339
from virtpulse.messages.schema import schemas

COMMAND: Final = (sys.executable, "-P", "-m", "virtpulse")
SPIN: Final = "zeros, room = open('/dev/zero', 'rb', 0), bytearray(1 << 20)\nprint(flush=True)\nwhile True: zeros.readinto(room)"
LOOPS: Final = 3  # for each core, so that they get most of it beside others
KERNEL: Final = "system.cpu.utilization@system"
WINDOW: Final = 2.0
FOR: Final = 6.0
CONFIGURATION: Final = """
transport = "local:log.db"

[producers.host]
source = "kvm-07"
interval = "250ms"

[processors.windows]
size = "2s"
lateness = "200ms"

[processors.alerts]
disable = ["*"]

[[rules]]
name = "KernelBusy"
metric = "system.cpu.utilization"
device = "system"
above = 40
clear = 20
for = "6s"
summary = "{source} spends {value:.0f} % of its CPU in the kernel"
advice = "See which process calls it."
"""

LABELS: Final = {
    "alertname": "KernelBusy",
    "severity": "warning",
    "host": "kvm-07",
    "metric": "system.cpu.utilization",
    "device": "system",
}

Document = dict[str, Any]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command; what still runs in the end is killed."""
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=log)
        with process:
            try:
                yield process
            finally:
                process.kill()


@contextmanager
def busy() -> Iterator[None]:
    """Keep every core busy, in the kernel."""
    loops = [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE) for _ in range(LOOPS * (os.cpu_count() or 1))]
    try:
        for loop in loops:
            assert loop.stdout is not None
            assert loop.stdout.readline()
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.communicate()


def lines_of(process: subprocess.Popen[bytes]) -> Queue[bytes]:
    """Return where the lines of standard output come, each when it is there."""
    found: Queue[bytes] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found.put(line)

    threading.Thread(target=read, daemon=True).start()
    return found


def next_of(lines: Queue[bytes], within: float) -> Document:
    try:
        found: Document = json.loads(lines.get(timeout=within))
    except Empty:
        pytest.fail(f"nothing came within {within:g} s")
    return found


def drained(folder: Path, topic: str) -> list[Document]:
    done = subprocess.run(
        [*COMMAND, "watch", topic, "--drain", "--json"], cwd=folder, capture_output=True, check=True, timeout=20
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected_times(aggregates: Sequence[Document]) -> tuple[float, float, float]:
    """Return since when the windows exceeded the threshold, when that had lasted, and when they were clear of it again."""
    ratios = [(found["end"], found["resources"].get(KERNEL, {}).get("ratio")) for found in aggregates]
    known = iter([(end, ratio) for end, ratio in ratios if ratio is not None])
    since: float | None = None
    for end, ratio in known:
        since = None if ratio <= 40 else end if since is None else since
        if since is not None and end - since >= FOR:
            return since, end, next(end for end, ratio in known if ratio <= 20)
    pytest.fail(f"it was never busy for long enough: {ratios}")


@pytest.mark.slow
def test_a_busy_processor_is_one_firing_and_one_resolved_alert(tmp_path: Path) -> None:
    """The rule judges time in the kernel, of which other tests need little: they must not keep the alert from ending."""
    (tmp_path / "virtpulse.toml").write_text(CONFIGURATION, encoding="utf-8")
    with started(tmp_path, "watch", "alerts", "--from", "start", "--json") as watching, started(tmp_path, "up", "--json") as up:
        windows, alerts = lines_of(up), lines_of(watching)
        next_of(windows, within=20.0)
        began = time.time()
        with busy():
            firing = next_of(alerts, within=30.0)
        stopped = time.time()
        resolved = next_of(alerts, within=15.0)
        up.terminate()
        assert up.wait(10.0) == 0, (tmp_path / "up.log").read_text()
    assert drained(tmp_path, "alerts") == [firing, resolved]
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    validator = Draft202012Validator(schemas()["alert.json"])
    for alert in (firing, resolved):
        validator.validate(alert)
        assert alert["labels"] == LABELS
    assert firing["fingerprint"] == resolved["fingerprint"]
    assert firing["startsAt"] == resolved["startsAt"]
    times = [firing["annotations"]["since"], firing["startsAt"], resolved["endsAt"]]
    since, starts, ends = (from_rfc3339(text) for text in times)
    assert (since, starts, ends) == expected_times(drained(tmp_path, "aggregates"))
    assert starts - since >= FOR
    assert all(moment % WINDOW == 0 for moment in (since, starts, ends))
    assert began <= since < starts < stopped < ends
    said = r"KernelBusy kvm-07 system: kvm-07 spends \d+ % of its CPU in the kernel"
    assert re.fullmatch(rf"\[warning\] {said}", firing["text"])
    assert re.fullmatch(rf"\[resolved after {ends - starts:.0f} s\] {said}", resolved["text"])
