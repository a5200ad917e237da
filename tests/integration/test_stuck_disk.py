"""A disk that does not answer must not keep the process from ending."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

SINK = """
import asyncio, os, sys, threading
from pathlib import Path
from sinks.jsonl.settings import JsonlSettings
from sinks.jsonl.role import ROLE
from sinks.jsonl.sink import JsonlSink
from virtpulse.clock import SystemClock
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.pipeline import Layer, Stage, run_pipeline
from virtpulse.runtime.sinking import feed
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transport import LocalTransport

folder = Path(sys.argv[1])
os.write_ = os.write

def stuck(fd, data):
    if threading.current_thread().name == "jsonl":
        print("stuck", flush=True)
        threading.Event().wait()
    return os.write_(fd, data)

async def main():
    clock = SystemClock()
    transport = LocalTransport(folder / "log.db", LocalSettings(), clock)
    settings = JsonlSettings(path=str(folder / "{topic}-{time}.jsonl"))
    counters = Counters("jsonl")
    sink = JsonlSink(settings, SystemClock())
    os.write = stuck
    def writes(stopping):
        return feed(ROLE.spec(settings), sink, Context(transport, counters, stopping, clock), Until.STOPPED)
    async def produces(stopping):
        await transport.publish([Outgoing("aggregates", "web-1", b"{}")])
        await stopping.wait()
    stages = [Stage("jsonl", Layer.SINK, counters, writes), Stage("producer", Layer.PRODUCER, Counters("p"), produces)]
    await run_pipeline(stages, transport, clock, 1.0, 3.0)

asyncio.run(main())
"""


LOG = """
import asyncio, sys, threading
from pathlib import Path
from virtpulse.clock import SystemClock
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.pipeline import Layer, Stage, run_pipeline
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.local import writer
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transport import LocalTransport

def stuck(*_):
    print("stuck", flush=True)
    threading.Event().wait()

async def main():
    writer.append = stuck
    transport = LocalTransport(Path(sys.argv[1]) / "log.db", LocalSettings(), SystemClock())
    async def produces(stopping):
        await transport.publish([Outgoing("aggregates", "web-1", b"{}")])
    stages = [Stage("producer", Layer.PRODUCER, Counters("producer"), produces)]
    await run_pipeline(stages, transport, SystemClock(), 1.0, 3.0)

asyncio.run(main())
"""


def _run(program: str, folder: Path) -> str:
    """Run the program until it ends, in time, and return what it has written."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert "stuck" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 1.0 + 3.0 + 2.0 + 4.0  # the last are for starting Python on a busy machine
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_process_whose_write_never_returns_ends_within_the_deadline(tmp_path: Path) -> None:
    said = _run(SINK, tmp_path)
    assert "jsonl cancelled" in said
    assert "left behind" not in said


@pytest.mark.slow
def test_a_process_whose_log_never_answers_ends_within_the_deadline_and_says_so(tmp_path: Path) -> None:
    said = _run(LOG, tmp_path)
    assert "producer cancelled" in said
    assert "left a write whose outcome is not certain" in said
    assert "the log could not be closed in time" in said
