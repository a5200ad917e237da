"""A made-up log of samples with everything that makes windows hard: disorder, repeats, lateness, silence, wrong clocks."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Document = dict[str, Any]
View = tuple[str, str]
FAMILIES: Final = ("resources", "performance", "faults", "timings")

_BASE: Final = 1_790_000_000.0


class Plan(NamedTuple):
    """What is tried; times in seconds."""

    samples: int
    kills: int
    size: float
    hop: float
    lateness: float
    batches: tuple[int, ...]
    seed: int

    def settings(self, batch: int) -> list[str]:
        """Return the options of the worker."""
        values = {"size": f"{self.size}s", "hop": f"{self.hop}s", "lateness": f"{self.lateness}s", "batch": str(batch)}
        return [word for name, value in values.items() for word in ("--set", f"processors.windows.{name}={value}")]


class Sent(NamedTuple):
    """A document on its way: when it arrives, and with which others of its sender."""

    arrival: float
    sending: tuple[int, int]
    raw: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A source's view: how far its clock is wrong, how long it collects before it sends, when it falls silent."""

    number: int
    view: View
    skew: float
    collects: float
    interval: float
    silent_after: float

    def document(self, at: float, draw: random.Random) -> Document:
        """Return one sample."""
        found: Document = {"source": self.view[0], "time": round(at + self.skew, 3), "interval": self.interval}
        if self.view[1]:
            found["view"] = self.view[1]
        if self.collects:
            found["due"] = self.collects
        for family in FAMILIES:
            if draw.random() < 0.8:
                found[family] = {
                    f"m.{family}@d{k}": [round(draw.random() * 50, 3), draw.choice([0, 4, 60.5, 100, 100])]
                    for k in range(draw.randint(0, 3))
                }
        if draw.random() < 0.3:
            found["facts"] = {"vm.state": draw.choice(["running", "paused"]), f"f{draw.randint(0, 2)}": draw.randint(0, 9)}
        return found

    def send(self, until: float, draw: random.Random) -> Iterator[Sent]:
        """Yield all its documents: some out of order, late or twice."""
        at = draw.random() * self.interval
        while at < min(until, self.silent_after):
            raw = json.dumps(self.document(_BASE + at, draw), separators=(",", ":"))
            arrival = at
            if self.collects:
                arrival = math.ceil(at / self.collects) * self.collects
            elif draw.random() < 0.15:
                arrival += draw.choice([0.5, 1.5, 3, 12, 90])
            yield Sent(arrival, (self.number, int(arrival) if self.collects else -1), raw)
            if draw.random() < 0.08:
                yield Sent(arrival + draw.choice([0, 0.1, 1, 4, 40]), (self.number, -2), raw)
            at += self.interval


def make_senders(draw: random.Random) -> list[Sender]:
    """Return all kinds of sources, several views of one among them."""
    senders = []
    for number in range(48):
        collects, interval = draw.choice([(0.0, 1.0), (0.0, 1.0), (0.0, 0.5), (10.0, 1.0), (300.0, 5.0)])
        source = f"host-{number % 9}" if number < 18 else f"host-{number % 9}/guest-{number}"
        view = ("", "probes")[number // 9] if number < 18 else draw.choice(["", "hypervisor"])
        skew = draw.choice([0, 0, 0, 0.25, -7, 30, -3600, 540])
        silent = draw.choice([math.inf, math.inf, math.inf, 20, 200])
        senders.append(Sender(number, (source, view), skew, collects, interval, silent))
    return senders


def make_lines(plan: Plan) -> list[list[str]]:
    """Return the log: for each line its documents, `plan.samples` of them in all."""
    draw = random.Random(plan.seed)
    senders = make_senders(draw)
    until = plan.samples / 12
    everything = sorted((sent for sender in senders for sent in sender.send(until, draw)), key=lambda sent: sent[:2])
    lines: list[list[str]] = []
    last: tuple[int, int] | None = None
    for sent in everything[: plan.samples]:
        if sent.sending == last and sent.sending[1] >= 0:
            lines[-1].append(sent.raw)
        else:
            lines.append([sent.raw])
        last = sent.sending
    if sum(map(len, lines)) != plan.samples:
        msg = f"the senders made only {len(everything)} samples"
        raise ValueError(msg)
    return lines
