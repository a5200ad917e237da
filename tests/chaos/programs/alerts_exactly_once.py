"""Kill the alerts worker again and again, and compare what it says with what an undisturbed one does.

`python tests/chaos/programs/alerts_exactly_once.py --aggregates 100000 --kills 100` makes up a log of 200 sources for ten rules,
runs `virtpulse run processor alerts --drain` until it is done, killing it with SIGKILL on the way, and reads the alerts and
their states back. An undisturbed worker, and others that take batches of several sizes, must give the same bytes. It prints
its figures as one JSON document and ends with 1 where anything differs.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.chaos.programs.alert_log import RULES, Plan, make_messages
from tests.chaos.programs.killing import Trial, kill_on_the_way, report
from tests.chaos.programs.window_log import Document
from virtpulse.clock import SystemClock
from virtpulse.topics import AGGREGATES, ALERT_STATES, ALERTS, DEADLETTERS
from virtpulse.transports.interface import Outgoing, Start
from virtpulse.transports.open import open_transport

_CONFIG: Final = "virtpulse.toml"
_AT_ONCE: Final = 5_000


class Left(NamedTuple):
    """What a worker left behind: alerts in the order of the log, the states that live, by key, and dead letters."""

    alerts: list[bytes]
    states: dict[str, bytes]
    refused: list[bytes]


def options(batch: int) -> list[str]:
    """Return the options of a worker that takes so many messages as one step."""
    return ["--config", _CONFIG, "--set", f"processors.alerts.batch={batch}"]


async def publish(trial: Trial, messages: Sequence[Outgoing]) -> None:
    """Put the aggregates into the log."""
    transport = open_transport(trial.url, SystemClock())
    await transport.start()
    for start in range(0, len(messages), _AT_ONCE):
        await transport.publish(messages[start : start + _AT_ONCE])
    await transport.close()


async def look(trial: Trial) -> Left:
    """Read what is in the log now."""
    transport = open_transport(trial.url, SystemClock())
    await transport.start()
    states = {message.key: message.value async for batch in transport.latest(ALERT_STATES, 0) for message in batch}
    found: dict[str, list[bytes]] = {ALERTS: [], DEADLETTERS: []}
    for topic, values in found.items():
        end = (await transport.ends(topic))[0]
        follower = await transport.follow([topic], Start.BEGINNING)
        while len(values) < end and (batch := await follower.read(_AT_ONCE, 5.0)) is not None:
            values.extend(batch.values)
    await transport.close()
    return Left(found[ALERTS], states, found[DEADLETTERS])


def left_by(folder: Path, name: str, messages: Sequence[Outgoing], batch: int) -> Left:
    """Return what an undisturbed worker leaves behind."""
    trial = Trial(folder, name, "alerts", AGGREGATES)
    asyncio.run(publish(trial, messages))
    trial.drain(options(batch))
    return asyncio.run(look(trial))


def out_of_turn(alerts: Sequence[bytes]) -> Iterator[str]:
    """Say what fires while it fires, or is resolved while it does not."""
    status: dict[str, str] = {}
    for line in alerts:
        alert = json.loads(line)
        if status.get(alert["fingerprint"], "resolved") == alert["status"]:
            yield f"out of turn: {alert['text']}"
        status[alert["fingerprint"]] = alert["status"]


def differences(wanted: Left, found: Left, who: str) -> Iterator[str]:
    """Say in what two workers differ."""
    for what, one, other in (("alerts", wanted.alerts, found.alerts), ("refused", wanted.refused, found.refused)):
        if one != other:
            missing, more = Counter(one) - Counter(other), Counter(other) - Counter(one)
            yield f"{who}: {what} lack {list(missing)[:3]} and have {list(more)[:3]}, or are in another order"
    if wanted.states != found.states:
        yield f"{who}: the states differ in {dict(wanted.states.items() ^ found.states.items())}"


def attempt(plan: Plan, folder: Path) -> tuple[Document, list[str]]:
    """Try everything in `folder`; return the figures and what is wrong."""
    (folder / _CONFIG).write_text(RULES)
    messages = make_messages(plan)
    trial = Trial(folder, "killed", "alerts", AGGREGATES)
    asyncio.run(publish(trial, messages))
    begun = time.monotonic()
    died = asyncio.run(kill_on_the_way(trial, plan.kills, options, random.Random(plan.seed + 1)))
    seconds = time.monotonic() - begun
    killed = asyncio.run(look(trial))
    wrong = list(out_of_turn(killed.alerts))
    on_the_way = died["starting"] + died["processing"]
    wrong += [] if on_the_way == plan.kills else [f"only {on_the_way} kills: the worker was done before"]
    undisturbed = [left_by(folder, f"batch-{batch}", messages, batch) for batch in plan.batches]
    for batch, left in zip(plan.batches, undisturbed, strict=True):
        wrong += differences(left, killed, f"killed, against batches of {batch}")
    said = Counter((alert["labels"]["alertname"], alert["status"]) for alert in map(json.loads, killed.alerts))
    figures: Document = {"aggregates": plan.aggregates, "messages": len(messages), "alerts": len(killed.alerts)}
    figures |= {"rules": {f"{name} {status}": count for (name, status), count in sorted(said.items())}}
    figures |= {"states": len(killed.states), "refused": len(killed.refused), "kills": dict(died), "batches": plan.batches}
    return {**figures, "seconds_killing": round(seconds, 1), "wrong": len(wrong)}, wrong


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aggregates", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--batches", type=int, nargs="*", default=[5_000, 7, 1], help="sizes that must give the same bytes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(given.aggregates, given.kills, tuple(given.batches), given.seed)
    with tempfile.TemporaryDirectory() as folder:
        figures, wrong = attempt(plan, Path(folder))
    return report(figures, wrong)


if __name__ == "__main__":
    sys.exit(main())
