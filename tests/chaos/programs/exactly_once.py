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
from pathlib import Path

from tests.chaos.programs.killing import COMMAND, Trial, kill_on_the_way, report
from tests.chaos.programs.window_answer import differences, sort_and_group
from tests.chaos.programs.window_log import Document, Plan, make_lines


def publish(trial: Trial, file: Path) -> None:
    """Send the samples. Raises CalledProcessError."""
    subprocess.run(
        [*COMMAND, "publish", "samples", file, "--transport", trial.url], check=True, cwd=trial.folder, capture_output=True
    )


def watch(trial: Trial, topic: str) -> list[bytes]:
    """Return all documents of a topic. Raises CalledProcessError."""
    command = [*COMMAND, "watch", topic, "--from", "start", "--drain", "--json", "--transport", trial.url]
    return subprocess.run(command, check=True, cwd=trial.folder, capture_output=True).stdout.splitlines()


def attempt(plan: Plan, folder: Path) -> tuple[Document, list[str]]:
    """Try everything in `folder`; return the figures and what is wrong."""
    lines = make_lines(plan)
    file = folder / "samples.jsonl"
    file.write_text("".join(f"{line[0] if len(line) == 1 else '[' + ','.join(line) + ']'}\n" for line in lines))
    answer = sort_and_group(lines, plan)
    trial = Trial(folder, "killed", "windows", "samples")
    publish(trial, file)
    begun = time.monotonic()
    died = asyncio.run(kill_on_the_way(trial, plan.kills, plan.settings, random.Random(plan.seed + 1)))
    seconds = time.monotonic() - begun
    aggregates, late = watch(trial, "aggregates"), watch(trial, "late")
    wrong = list(differences(answer, aggregates, late))
    on_the_way = died["starting"] + died["processing"]
    wrong += [] if on_the_way == plan.kills else [f"only {on_the_way} kills: the worker was done before"]
    counted = sum(document["samples"] + document["repeated"] for document in map(json.loads, aggregates))
    counted += sum(len(json.loads(line)["missed"]) for line in late)
    wrong += [] if plan.hop < plan.size or counted == plan.samples else [f"{counted} samples counted or late"]
    for batch in plan.batches:
        other = Trial(folder, f"batch-{batch}", "windows", "samples")
        publish(other, file)
        other.drain(plan.settings(batch))
        same = watch(other, "aggregates") == aggregates and watch(other, "late") == late
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
    return report(figures, wrong)


if __name__ == "__main__":
    sys.exit(main())
