"""Kill the window worker again and again, and compare what it leaves behind with sorting and grouping.

`python tests/chaos/programs/exactly_once.py --samples 100000 --kills 100` (add `--hop 5` for hopping windows) makes up a
log, publishes it, runs `virtpulse run processor windows --drain` until it is done, killing it with SIGKILL on the way,
and reads the aggregates and the late samples back. Then the same log goes through batches of several sizes, which must
give the same bytes. It prints its figures as one JSON document and ends with 1 where anything differs.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.chaos.programs.window_answer import differences, sort_and_group
from tests.chaos.programs.window_log import Document, Plan, make_lines
from virtpulse.clock import SystemClock
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

_COMMAND: Final = (sys.executable, "-P", "-m", "virtpulse")
_KILL_BATCH: Final = 200  # at most: small, so that there are many steps to be killed in
_KILL_STEPS: Final = 60  # for each kill, at least: a fast worker makes several while it is watched and killed
_FARTHEST: Final = 0.8  # of what is left: so much nearer to the end the worker might be done before it is killed
_CLOSING_KILLS: Final = 5
_START_WITHIN: Final = 120.0  # seconds


class Trial:
    """One log file in a folder, and the commands that use it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.url = f"local:{folder / name}.db"

    def publish(self, file: Path) -> None:
        """Send the samples. Raises CalledProcessError."""
        subprocess.run(
            [*_COMMAND, "publish", "samples", file, "--transport", self.url], check=True, cwd=self.folder, capture_output=True
        )

    def worker(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a worker that drains."""
        command = [*_COMMAND, "run", "processor", "windows", "--drain", "--transport", self.url, *options]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)

    def drain(self, options: Sequence[str]) -> None:
        """Let a worker drain, undisturbed. Raises CalledProcessError."""
        worker = self.worker(options)
        if worker.wait() != 0:
            raise subprocess.CalledProcessError(worker.returncode, worker.args)

    def watch(self, topic: str) -> list[bytes]:
        """Return all documents of a topic. Raises CalledProcessError."""
        command = [*_COMMAND, "watch", topic, "--from", "start", "--drain", "--json", "--transport", self.url]
        return subprocess.run(command, check=True, cwd=self.folder, capture_output=True).stdout.splitlines()


async def kill_on_the_way(trial: Trial, plan: Plan, draw: random.Random) -> Counter[str]:
    """Kill `plan.kills` workers on their way, then some as they close the last windows; return how many died at what."""
    transport = open_transport(trial.url, SystemClock())
    await transport.start()
    died: Counter[str] = Counter()
    end = (await transport.ends("samples"))[0]
    options = plan.settings(min(_KILL_BATCH, max(1, end // (_KILL_STEPS * plan.kills))))
    try:
        while died["closing"] < _CLOSING_KILLS:
            left = plan.kills - died["starting"] - died["processing"]
            worker = trial.worker(options)
            try:
                moment = await _dangerous_moment(transport, worker, end, left, draw)
            finally:
                worker.kill()
                code = worker.wait()
            if code >= 0:
                break
            died[moment] += 1
    finally:
        await transport.close()
    trial.drain(options)
    return died


async def _dangerous_moment(
    transport: Transport, worker: subprocess.Popen[bytes], end: int, left: int, draw: random.Random
) -> str:
    """Return, with its name, when the worker is to be killed; `left`: how many are to be killed on the way."""
    at = await _position(transport)
    if left <= 0:
        await _until_position(transport, worker, end)
        await asyncio.sleep(draw.random() * 0.02)
        return "closing"
    if draw.random() < 0.2:
        await asyncio.sleep(draw.random() * 0.6)
        return "starting"
    target = at + draw.random() * 2 * (end - at) / (left + 1)
    await _until_position(transport, worker, min(target, at + _FARTHEST * (end - at)))
    await asyncio.sleep(draw.random() * 0.005)
    return "processing"


async def _until_position(transport: Transport, worker: subprocess.Popen[bytes], target: float) -> None:
    until = time.monotonic() + _START_WITHIN
    while worker.poll() is None and await _position(transport) < target:
        if time.monotonic() > until:
            msg = f"the worker did not reach {target} within {_START_WITHIN:g} s"
            raise TimeoutError(msg)
        await asyncio.sleep(0.002)


async def _position(transport: Transport) -> int:
    positions = await transport.positions("windows")
    return max((position.following for position in positions.values()), default=0)


def attempt(plan: Plan, folder: Path) -> tuple[Document, list[str]]:
    """Try everything in `folder`; return the figures and what is wrong."""
    lines = make_lines(plan)
    file = folder / "samples.jsonl"
    file.write_text("".join(f"{line[0] if len(line) == 1 else '[' + ','.join(line) + ']'}\n" for line in lines))
    answer = sort_and_group(lines, plan)
    trial = Trial(folder, "killed")
    trial.publish(file)
    begun = time.monotonic()
    died = asyncio.run(kill_on_the_way(trial, plan, random.Random(plan.seed + 1)))
    seconds = time.monotonic() - begun
    aggregates, late = trial.watch("aggregates"), trial.watch("late")
    wrong = list(differences(answer, aggregates, late))
    on_the_way = died["starting"] + died["processing"]
    wrong += [] if on_the_way == plan.kills else [f"only {on_the_way} kills: the worker was done before"]
    counted = sum(document["samples"] + document["repeated"] for document in map(json.loads, aggregates))
    counted += sum(len(json.loads(line)["missed"]) for line in late)
    wrong += [] if plan.hop < plan.size or counted == plan.samples else [f"{counted} samples counted or late"]
    for batch in plan.batches:
        other = Trial(folder, f"batch-{batch}")
        other.publish(file)
        other.drain(plan.settings(batch))
        same = other.watch("aggregates") == aggregates and other.watch("late") == late
        wrong += [] if same else [f"batches of {batch} give other bytes"]
    figures: Document = {"samples": plan.samples, "messages": len(lines), "aggregates": len(aggregates), "late": len(late)}
    figures |= {"counted": counted, "kills": dict(died), "batches": plan.batches, "seconds_killing": round(seconds, 1)}
    return {**figures, "wrong": len(wrong)}, wrong


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--size", type=float, default=10.0, help="length of a window in seconds")
    parser.add_argument("--hop", type=float, help="distance of the windows' starts in seconds; they tumble without it")
    parser.add_argument("--lateness", type=float, default=2.0, help="seconds")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 7, 5_000], help="sizes that must give the same bytes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    hop = given.size if given.hop is None else given.hop
    plan = Plan(given.samples, given.kills, given.size, hop, given.lateness, tuple(given.batches), given.seed)
    with tempfile.TemporaryDirectory() as folder:
        figures, wrong = attempt(plan, Path(folder))
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stderr.writelines(f"{text[:2_000]}\n" for text in wrong[:20])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
