"""What the rules of the configuration would make of the last minutes of data."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from virtpulse import wiring
from virtpulse.cli.executing import connected
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.runtime.closing import closing
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.following import Following
from virtpulse.runtime.roles import Judgement
from virtpulse.runtime.until import Until
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.wording import lasting

LOOK_BACK: Final = 600.0  # seconds

_MOST_MESSAGES: Final = 200_000
_BATCH: Final = 5_000


async def judgements(configuration: Configuration) -> list[Judgement]:
    """Judge what the log took in lately, at most 200,000 messages. Raises RetryableError or FatalError."""
    clock = SystemClock()
    previews = wiring.previews(configuration, clock)
    async with connected(configuration) as transport:
        context = Context(transport, Counters("check"), asyncio.Event(), clock)
        for topic in (SAMPLES, AGGREGATES):
            follower = await transport.follow([topic], clock.time() - LOOK_BACK)
            async with closing(follower, f"reading of {topic}"):
                following, left = Following(context, follower, [topic], _BATCH), _MOST_MESSAGES
                await following.begin(Until.DRAINED)
                while left > 0 and (batch := await following.next()) is not None:
                    left -= len(batch)
                    for preview in previews:
                        preview.take(batch)
    return [judgement for preview in previews for judgement in preview.judgements()]


def rule_lines(rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each rule, for people."""
    if not rules:
        return
    yield f"rules          {len(rules)}, judged on the last {lasting(LOOK_BACK)} of data"
    width = max(len(rule["rule"]) for rule in rules)
    for rule in rules:
        yield f"  {rule['rule']:<{width}}  {_verdict(rule)}"


def _verdict(rule: Mapping[str, Any]) -> str:
    if rule["warning"]:
        return f"warning: {rule['warning']}"
    state = ", ".join(f"{rule[name]} {name}" for name in ("firing", "pending") if rule[name]) or "would not fire"
    if rule["on"] in {"silence", "deadletter"}:
        return f"judges each {rule['on']} when it happens"
    if rule["on"] == "sample":
        return f"judges samples when they come: {state}"
    if not rule["metrics"]:
        return "matches nothing in this data"
    worst = "" if rule["worst"] is None else f", worst {rule['worst']:.4g} of {rule['worst_of']}"
    return f"{_count(rule['metrics'], 'metric')} of {_count(rule['sources'], 'source')}{worst}: {state}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
