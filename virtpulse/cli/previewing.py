"""What the rules of the configuration would make of the last minutes of data."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

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

_LOOK_BACK: Final = 600.0  # seconds
_SOME_WINDOWS: Final = 300.0  # seconds for windows to close, beside those that a condition must hold
_LOOK_BACK_MOST: Final = 3_600.0  # seconds
_MOST_MESSAGES: Final = 200_000  # of a topic
_ATTEMPTS: Final = 10  # to find the moment from which there are no more than that
_MARGIN: Final = 0.9  # of them, as they do not come evenly
_BATCH: Final = 5_000
_WAIT: Final = 0.25  # seconds for what is there already


class Previewed(NamedTuple):
    """What the rules would make of the last `spans` seconds by topic; fewer than `wanted` where there were too many messages."""

    judgements: Sequence[Judgement]
    wanted: float
    spans: Mapping[str, float]


async def previewed(configuration: Configuration) -> Previewed:
    """Judge what the log took in lately, of each topic the newest messages. Raises RetryableError or FatalError."""
    clock = SystemClock()
    previews = wiring.previews(configuration, clock)
    longest = max((preview.holds for preview in previews), default=0.0)
    wanted = min(max(_LOOK_BACK, longest + _SOME_WINDOWS), _LOOK_BACK_MOST)
    spans: dict[str, float] = {}
    async with connected(configuration) as transport:
        context = Context(transport, Counters("check"), asyncio.Event(), clock)
        for topic in (SAMPLES, AGGREGATES) if previews else ():
            now = clock.time()
            spans[topic] = await _span(context, topic, now, wanted)
            follower = await transport.follow([topic], now - spans[topic])
            async with closing(follower, f"reading of {topic}"):
                following = Following(context, follower, [topic], _BATCH)
                await following.begin(Until.DRAINED)
                while (batch := await following.next()) is not None:
                    for preview in previews:
                        preview.take(batch)
    return Previewed([judgement for preview in previews for judgement in preview.judgements()], wanted, spans)


def rule_lines(rules: Sequence[Mapping[str, Any]], judged_on: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each rule, for people; `judged_on` is what `Previewed` says beside the judgements."""
    if not rules:
        return
    yield f"rules          {len(rules)}, judged on the last {lasting(judged_on['wanted'])} of data"
    for topic, span in judged_on["spans"].items():
        if span < judged_on["wanted"]:
            yield f"  of the {topic} only the last {lasting(span)}: at most {_MOST_MESSAGES:,} messages are looked at"
    width = max(len(rule["rule"]) for rule in rules)
    for rule in rules:
        yield f"  {rule['rule']:<{width}}  {_verdict(rule)}"


async def _span(context: Context, topic: str, now: float, wanted: float) -> float:
    """Return how many seconds before now to begin, so that there are not too many messages from then on."""
    span = wanted
    for _ in range(_ATTEMPTS):
        held = await _held(context, topic, now - span)
        if held <= _MOST_MESSAGES:
            break
        span *= _MARGIN * _MOST_MESSAGES / held
    return span


async def _held(context: Context, topic: str, start: float) -> int:
    """Return how many messages the log has taken in since `start`."""
    ends = await context.transport.ends(topic)
    found: dict[int, int] = {}
    follower = await context.transport.follow([topic], start)
    async with closing(follower, f"look at {topic}"):
        while len(found) < len(ends) and (batch := await follower.read(1, _WAIT)) is not None:
            if batch.partition in found:
                break  # the others have nothing, or nothing yet
            found[batch.partition] = len(batch) + batch.remaining
    return sum(found.values())


def _verdict(rule: Mapping[str, Any]) -> str:
    if rule["warning"]:
        return f"warning: {rule['warning']}"
    if rule["on"] == "silence":
        return "judges sources when they fall silent"
    if rule["on"] == "deadletter":
        return "judges dead letters when they come"
    if rule["on"] == "sample":
        return f"judges samples when they come: {_outcome(rule)}"
    if not rule["metrics"]:
        return "matches nothing in this data"
    worst = "" if rule["worst"] is None else f", worst {rule['worst']:.4g} of {rule['worst_of']}"
    return f"{_count(rule['metrics'], 'metric')} of {_count(rule['sources'], 'source')}{worst}: {_outcome(rule)}"


def _outcome(rule: Mapping[str, Any]) -> str:
    """Return whether it would fire, and what would follow."""
    firing, pending = rule["firing"], rule["pending"]
    if not firing and not pending:
        return "would not fire"
    waiting = f"pending, fires once it has held for {lasting(rule['holds'])}"
    if not firing:
        return f"{_count(pending, 'alert')} {waiting}"
    return f"would fire, {_count(firing, 'alert')}{f'; {pending} more {waiting}' if pending else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
