"""A worker over a log file, killed with SIGKILL on its way until it has been killed often enough and is done."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from virtpulse.clock import SystemClock
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

COMMAND: Final = (sys.executable, "-P", "-m", "virtpulse")

_KILL_BATCH: Final = 200  # at most: small, so that there are many steps to be killed in
_KILL_STEPS: Final = 60  # for each kill, at least: a fast worker makes several while it is watched and killed
_FARTHEST: Final = 0.8  # of what is left: so much nearer to the end the worker might be done before it is killed
_CLOSING_KILLS: Final = 5
_START_WITHIN: Final = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Trial:
    """One log file in a folder, the processor that works on it, and the topic that it reads."""

    folder: Path
    name: str
    processor: str
    topic: str

    @property
    def url(self) -> str:
        """The log's address."""
        return f"local:{self.folder / self.name}.db"

    def worker(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a worker that drains."""
        command = [*COMMAND, "run", "processor", self.processor, "--drain", "--transport", self.url, *options]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)

    def drain(self, options: Sequence[str]) -> None:
        """Let a worker drain, undisturbed. Raises CalledProcessError."""
        worker = self.worker(options)
        if worker.wait() != 0:
            raise subprocess.CalledProcessError(worker.returncode, worker.args)


async def kill_on_the_way(trial: Trial, kills: int, options: Callable[[int], Sequence[str]], draw: random.Random) -> Counter[str]:
    """Kill so many workers on their way, then some at their end, and let the last one be done; return how many died at what.

    options: those of a worker that takes so many messages as one step.
    """
    transport = open_transport(trial.url, SystemClock())
    await transport.start()
    died: Counter[str] = Counter()
    end = (await transport.ends(trial.topic))[0]
    given = options(min(_KILL_BATCH, max(1, end // (_KILL_STEPS * kills))))
    try:
        while died["closing"] < _CLOSING_KILLS:
            left = kills - died["starting"] - died["processing"]
            worker = trial.worker(given)
            try:
                moment = await _Way(transport, trial.processor, worker, end).dangerous_moment(left, draw)
            finally:
                worker.kill()
                code = worker.wait()
            if code >= 0:
                break
            died[moment] += 1
    finally:
        await transport.close()
    trial.drain(given)
    return died


@dataclass(frozen=True, slots=True)
class _Way:
    """A worker on its way to the end of its input."""

    transport: Transport
    group: str
    worker: subprocess.Popen[bytes]
    end: int

    async def dangerous_moment(self, left: int, draw: random.Random) -> str:
        """Return, with its name, when the worker is to be killed; `left`: how many are to be killed on the way."""
        at = await self._position()
        if left <= 0:
            await self._until(self.end)
            await asyncio.sleep(draw.random() * 0.02)
            return "closing"
        if draw.random() < 0.2:
            await asyncio.sleep(draw.random() * 0.6)
            return "starting"
        target = at + draw.random() * 2 * (self.end - at) / (left + 1)
        await self._until(min(target, at + _FARTHEST * (self.end - at)))
        await asyncio.sleep(draw.random() * 0.005)
        return "processing"

    async def _until(self, target: float) -> None:
        until = time.monotonic() + _START_WITHIN
        while self.worker.poll() is None and await self._position() < target:
            if time.monotonic() > until:
                msg = f"the worker did not reach {target} within {_START_WITHIN:g} s"
                raise TimeoutError(msg)
            await asyncio.sleep(0.002)

    async def _position(self) -> int:
        positions = await self.transport.positions(self.group)
        return max((position.following for position in positions.values()), default=0)


def report(figures: Mapping[str, object], wrong: Sequence[str]) -> int:
    """Print the figures, and what is wrong to standard error; return the program's exit code."""
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stderr.writelines(f"{text[:2_000]}\n" for text in wrong[:20])
    return 1 if wrong else 0
