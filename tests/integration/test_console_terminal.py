"""The live table in a real terminal: a child process draws on a pseudo-terminal, and an emulator shows what is seen."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pyte
import pytest

# Shows 500 rows and then a new window each time a line comes in, with an alert or without; ends as the last line says.
PROGRAM = """
import asyncio, sys
import orjson
from sinks.console.settings import ConsoleSettings
from sinks.console.sink import ConsoleSink
from virtpulse.clock import SystemClock
from virtpulse.messages.alert import Alert, AlertState, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import to_rfc3339
from virtpulse.transports.interface import Batch

NOW = SystemClock().time()

def alert(**more):
    labels = {"alertname": "FilesystemFull", "severity": "critical", "host": "host-007", "device": "/var"}
    return Alert(
        labels=labels, annotations={"summary": "/var of host-007 is 98.2 % full"}, starts_at=to_rfc3339(NOW - 180),
        fingerprint=fingerprint(labels), text="text", **more,
    )

def fires():
    found = alert(status="firing")
    state = AlertState(
        fingerprint=found.fingerprint, state="firing", rule="FilesystemFull", source="host-007", since=NOW, fired=NOW,
        alert=found,
    )
    return Batch("alert-states", 0, range(1), [NOW], [found.fingerprint], [encode(state)])

def ends():
    return Batch("alerts", 0, range(1), [NOW], ["host-007"], [encode(alert(status="resolved", ends_at=to_rfc3339(NOW)))])

def document(host, window):
    ratio = (host + window) % 100
    metric = {"part": ratio, "whole": 100, "ratio": ratio, "min": ratio, "max": ratio, "last": ratio, "count": 1}
    return orjson.dumps({
        "source": f"host-{host:03}", "start": 1795000000 + window, "end": 1795000001 + window, "samples": 1, "late": 0,
        "repeated": 0, "resources": {"system.cpu.utilization": metric},
    })

async def main():
    sink = ConsoleSink(ConsoleSettings(), SystemClock())
    await sink.start()
    try:
        for window in range(1000):
            values = [document(host, window) for host in range(500)]
            await sink.write(Batch("aggregates", 0, range(500), [0.0] * 500, ["k"] * 500, values))
            print(f"\\x1b[32mlog line {window}\\x1b[0m", file=sys.stderr, flush=True)
            asked = (await asyncio.to_thread(sys.stdin.readline)).strip()
            if asked in {"fires", "ends"}:
                await sink.write(fires() if asked == "fires" else ends())
            if asked == "fail":
                raise RuntimeError("as asked")
            if asked == "leave":
                return
            if asked == "forget":
                sys.exit(3)
    finally:
        if asked != "forget":
            await sink.close()

asyncio.run(main())
print("after the table")
"""


class Terminal:
    """A child on a pseudo-terminal, and what a person would see of it."""

    def __init__(self, columns: int, lines: int, environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(columns, lines)
        self._modes = termios.tcgetattr(slave)
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=slave, stderr=slave, env=os.environ | environment
        )
        self._slave = slave

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)
        if hasattr(self, "child"):
            self.child.send_signal(signal.SIGWINCH)

    def say(self, word: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(word.encode() + b"\n")
        self.child.stdin.flush()

    def until(self, holds: Callable[[list[str]], object]) -> list[str]:
        """Return the lines of the screen once `holds` of them; it may take 20 seconds."""
        deadline = time.monotonic() + 20
        while not holds(lines := [line.rstrip() for line in self.screen.display]):
            assert time.monotonic() < deadline, "\n".join(lines)
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if ready:
                data = os.read(self._master, 65536)
                self.raw += data
                self._stream.feed(data)
        return lines

    def finish(self) -> int:
        """Return the exit status, after everything that the child wrote was seen."""
        code = self.child.wait(20)
        while select.select([self._master], [], [], 0.1)[0]:
            data = os.read(self._master, 65536)
            self.raw += data
            self._stream.feed(data)
        assert termios.tcgetattr(self._slave) == self._modes
        return code

    def close(self) -> None:
        self.child.kill()
        self.child.wait(20)
        if self.child.stdin is not None:
            self.child.stdin.close()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def opened() -> Iterator[Callable[..., Terminal]]:
    """Return a function that starts the program on a terminal of that size."""
    terminals: list[Terminal] = []

    def start(columns: int, lines: int, **environment: str) -> Terminal:
        terminals.append(Terminal(columns, lines, {"TERM": "xterm-256color", **environment}))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def was_restored(terminal: Terminal) -> bool:
    """Say whether the alternate screen was left and the cursor shown, after all that was drawn."""
    after = terminal.raw.rpartition(b"\x1b[?1049l")[2]
    return b"\x1b[?1049h" in terminal.raw and b"\x1b[1;1H" not in after and not terminal.screen.cursor.hidden


@pytest.mark.slow
def test_the_table_fills_the_terminal_follows_its_size_and_gives_it_back(opened: Callable[..., Terminal]) -> None:
    terminal = opened(100, 24)
    lines = terminal.until(
        lambda lines: any("more rows" in line for line in lines) and any("log line 0" in line for line in lines)
    )
    assert lines[0].startswith("virtpulse  500 sources")
    assert [line.split()[0] for line in lines[2:5]] == ["host-099", "host-199", "host-299"]
    assert lines[-1] == "log line 0"

    terminal.say("next")
    terminal.until(lambda lines: lines[2].startswith("host-098"))
    terminal.resize(60, 12)
    small = terminal.until(lambda lines: len(lines) == 12 and "more rows" in lines[-3] and lines[2].startswith("host-098"))
    assert sum(line.startswith("host-") for line in small) == 7
    terminal.resize(140, 40)
    large = terminal.until(lambda lines: any("more rows" in line for line in lines[30:]) and lines[30].startswith("host-"))
    assert sum(line.startswith("host-") for line in large) > 30

    terminal.say("leave")
    assert terminal.finish() == 0
    assert was_restored(terminal)
    after = terminal.raw.rpartition(b"\x1b[?1049l")[2]
    assert [b"log line %d" % number in after for number in (0, 1)] == [True, True]
    assert b"after the table" in after


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["fail", "forget"])
def test_the_terminal_is_given_back_after_an_error_and_where_nobody_closed_the_sink(
    opened: Callable[..., Terminal], ending: str
) -> None:
    terminal = opened(80, 24)
    terminal.until(lambda lines: any("more rows" in line for line in lines))
    terminal.say(ending)
    assert terminal.finish() == {"fail": 1, "forget": 3}[ending]
    assert was_restored(terminal)
    assert (b"RuntimeError: as asked" in terminal.raw.rpartition(b"\x1b[?1049l")[2]) == (ending == "fail")


@pytest.mark.slow
def test_an_alert_stands_above_the_rows_in_red_while_it_fires_and_in_green_once_it_is_resolved(
    opened: Callable[..., Terminal],
) -> None:
    terminal = opened(100, 24)
    terminal.until(lambda lines: lines[2].startswith("host-"))
    terminal.say("fires")
    fires = terminal.until(lambda lines: "FilesystemFull" in lines[1])
    assert fires[1].startswith("✖ critical  FilesystemFull  host-007 /var  for 3 min  /var of host-007 is 98.2 % full")
    assert fires[2].split()[0] == "source"
    assert terminal.screen.buffer[1][0].fg == "red"
    terminal.say("ends")
    ended = terminal.until(lambda lines: "resolved" in lines[1])
    assert ended[1].startswith("✔ resolved  FilesystemFull  host-007 /var  after 3 min")
    assert terminal.screen.buffer[1][0].fg == "green"
    terminal.say("leave")
    assert terminal.finish() == 0


@pytest.mark.slow
def test_no_color_draws_without_colours(opened: Callable[..., Terminal]) -> None:
    terminal = opened(80, 24, NO_COLOR="1")
    terminal.until(lambda lines: any("more rows" in line for line in lines))
    terminal.say("leave")
    assert terminal.finish() == 0
    drawn = terminal.raw.partition(b"\x1b[?1049l")[0]
    assert not any(b"\x1b[%dm" % colour in drawn for colour in (31, 32, 33, 34, 36))


@pytest.mark.slow
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(opened: Callable[..., Terminal]) -> None:
    terminal = opened(120, 24, TERM="dumb")
    terminal.until(lambda lines: any("host-499" in line for line in lines))
    terminal.say("leave")
    assert terminal.finish() == 0
    assert b"\x1b[?" not in terminal.raw
