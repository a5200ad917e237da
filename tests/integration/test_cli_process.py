"""The command as a process: signals, pipes, shell completion."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_WAIT = 20.0

Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Return a function that starts `virtpulse`."""
    children: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        ours = {
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "HOME": str(tmp_path),
            "SHELL": "/bin/bash",
            "PYTHONUNBUFFERED": "",  # as users have it, whatever this machine has
            "PYTHONPATH": str(Path.cwd()),
        }
        child = subprocess.Popen(
            [sys.executable, "-m", "virtpulse", *arguments],
            cwd=tmp_path,
            env={**os.environ, **ours},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def lines_of(child: subprocess.Popen[bytes], count: int) -> list[bytes]:
    """Return the next lines of standard output; fails if they don't come."""
    assert child.stdout is not None
    found: list[bytes] = []
    while len(found) < count:
        ready, _, _ = select.select([child.stdout], [], [], _WAIT)
        assert ready, f"{len(found)} of {count} lines came"
        line = child.stdout.readline()
        assert line, "the output ended"
        found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_watching_quietly(spawn: Spawn, tmp_path: Path, number: signal.Signals) -> None:
    child = spawn("watch", "samples")
    wait_for(tmp_path / "state" / "virtpulse" / "virtpulse.db")
    publishing = spawn("publish", "samples", stdin=subprocess.PIPE)
    publishing.communicate(b'{"source": "a", "time": 1}\n' * 3, timeout=_WAIT)
    assert publishing.returncode == 0
    child.send_signal(number)
    _, err = child.communicate(timeout=_WAIT)
    assert child.returncode == 0
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["log created"]


def test_a_pipe_that_is_closed_early_is_nothing_to_complain_of(spawn: Spawn) -> None:
    publishing = spawn("publish", "samples", stdin=subprocess.PIPE)
    publishing.communicate(b'{"source": "a", "time": 1}\n' * 20_000, timeout=_WAIT)
    child = spawn("watch", "samples", "--drain")
    lines_of(child, 1)
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == b""
    assert child.wait(_WAIT) == 0


def test_reading_from_a_silent_pipe_is_interrupted_at_once(spawn: Spawn, tmp_path: Path) -> None:
    child = spawn("publish", "samples", stdin=subprocess.PIPE)
    wait_for(tmp_path / "state" / "virtpulse" / "virtpulse.db")
    child.send_signal(signal.SIGINT)
    assert child.wait(_WAIT) == 1
    assert child.stderr is not None
    created, said = child.stderr.read().splitlines()
    assert json.loads(created)["event"] == "log created"
    assert said == b"virtpulse: interrupted"


def test_lines_of_a_pipe_are_sent_while_it_is_still_open(spawn: Spawn, tmp_path: Path) -> None:
    publishing = spawn("publish", "samples", stdin=subprocess.PIPE)
    wait_for(tmp_path / "state" / "virtpulse" / "virtpulse.db")
    watching = spawn("watch", "samples", "--from", "start", "--count", "1")
    assert publishing.stdin is not None
    publishing.stdin.write(b'{"source": "a", "time": 1}\n')
    publishing.stdin.flush()
    assert json.loads(lines_of(watching, 1)[0])["source"] == "a"


def test_a_full_output_is_said(spawn: Spawn) -> None:
    with Path("/dev/full").open("wb") as full:
        child = spawn("version", stdout=full.fileno())
        assert child.wait(_WAIT) == 1
    assert child.stderr is not None
    assert child.stderr.read() == b"virtpulse: standard output cannot be written: No space left on device\n"


def test_on_a_terminal_documents_are_lines_for_people(spawn: Spawn) -> None:
    publishing = spawn("publish", "samples", stdin=subprocess.PIPE)
    publishing.communicate(b'{"source": "a", "time": 1, "resources": {"x": [1, 4]}}\n', timeout=_WAIT)
    ours, theirs = pty.openpty()
    child = spawn("watch", "samples", "--drain", stdout=theirs)
    assert child.wait(_WAIT) == 0
    assert b"a  x 25.0 %\r\n" in os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)


RULES = """
[[rules]]
name = "AppBroken"
on = "sample"
facts = { "app.state" = "broken" }
severity = "critical"
summary = "the application of {source} is broken"
"""


@pytest.mark.slow
def test_an_alert_goes_from_one_process_to_the_others_until_its_source_ends(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "virtpulse.toml").write_text(RULES, encoding="utf-8")
    spawn("run", "processor", "windows")
    spawn("run", "processor", "alerts")
    wait_for(tmp_path / "state" / "virtpulse" / "virtpulse.db")
    watching = spawn("watch", "alerts", "--json", "--from", "1m", "--source", "kvm-07/web-3")
    broken = f'{{"source": "kvm-07/web-3", "time": {time.time()}, "facts": {{"app.state": "broken"}}}}\n'
    spawn("publish", "samples", stdin=subprocess.PIPE).communicate(broken.encode(), timeout=_WAIT)
    fired = json.loads(lines_of(watching, 1)[0])
    assert (fired["status"], fired["labels"]["alertname"]) == ("firing", "AppBroken")
    (state,) = map(json.loads, said_by(spawn("alerts", "list")))
    assert (state["state"], state["fingerprint"]) == ("firing", fired["fingerprint"])
    (silence,) = map(json.loads, said_by(spawn("silence", "add", "vm=web-3", "--for", "1h")))
    assert [json.loads(line)["id"] for line in said_by(spawn("silence", "list"))] == [silence["id"]]
    assert len(said_by(spawn("watch", "sources", "--from", "start", "--count", "1"))) == 1
    assert len(said_by(spawn("sources", "end", "kvm-07"))) == 1
    resolved = json.loads(lines_of(watching, 1)[0])
    assert (resolved["status"], resolved["fingerprint"]) == ("resolved", fired["fingerprint"])
    assert said_by(spawn("alerts", "list")) == []


def said_by(child: subprocess.Popen[bytes]) -> list[bytes]:
    """Return the lines of standard output of a command that ends well."""
    out, err = child.communicate(timeout=_WAIT)
    assert child.returncode == 0, err
    return out.splitlines()


def test_completion_is_installed_and_knows_the_commands(spawn: Spawn, tmp_path: Path) -> None:
    child = spawn("--install-completion", "--shell", "bash", "--output", "completion.bash")
    assert child.wait(_WAIT) == 0
    script = (tmp_path / "completion.bash").read_text(encoding="utf-8")
    assert {"publish", "positions", "deadletters", "--transport"} <= set(script.replace("'", " ").replace('"', " ").split())
    subprocess.run(["bash", "-n", str(tmp_path / "completion.bash")], check=True, timeout=_WAIT)


def wait_for(path: Path) -> None:
    """Wait until another process has made a file."""
    for _ in range(int(_WAIT / 0.02)):
        if path.exists():
            return
        select.select([], [], [], 0.02)
    pytest.fail(f"{path} was not made")
