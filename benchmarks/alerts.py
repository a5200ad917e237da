"""Judging aggregates against the rules that come with virtpulse, and against many more; CPU time and a bare decode's."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import orjson

from benchmarks.aggregates import windows
from benchmarks.figures import Figure
from benchmarks.timing import seconds_of
from processors.alerts.aggregates import read_aggregates
from processors.alerts.processor import AlertsProcessor
from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from virtpulse.clock import SystemClock
from virtpulse.logs import configure
from virtpulse.transports.interface import Batch

_SOURCES: Final = 1_000
_WINDOWS: Final = 3  # of each source in a round
_ROUNDS: Final = 7
_MORE: Final = 1_000
_TARGET: Final = 2.0
_MORE_TARGET: Final = 1.3
_DECODE: Final = "bare orjson.loads of the same bytes"
_FEW_RULES: Final = "the same with the rules that come with it"


def measure() -> Iterator[Figure]:
    """Yield what it costs to read and judge aggregates of 20 metrics, and how that grows with 1,000 rules on others.

    Of the judging, the reading by itself is good to know: the rest is what the rules cost.
    """
    configure(level="error")  # that no metric is known that the many rules are about is no news here
    few, exact, globs = (AlertsProcessor(AlertsSettings(rules=rules), SystemClock(), 0) for rules in _rule_sets())
    for processor in (few, exact, globs):
        _judge(processor, windows(_SOURCES, 0, _WINDOWS))
    rounds = []
    for number in range(1, _ROUNDS + 1):
        batch = windows(_SOURCES, number * _WINDOWS, _WINDOWS)
        works = (
            partial(_decode, batch),
            partial(_read, batch),
            *(partial(_judge, one, batch) for one in (few, exact, globs)),
        )
        rounds.append([seconds_of(work) for work in works])
    bare, read, judged, with_exact, with_globs = (min(column) for column in zip(*rounds, strict=True))
    yield Figure("alerts_judging", judged / bare, "x", _TARGET, _DECODE)
    yield Figure("alerts_judging_reading_alone", read / bare, "x", None, _DECODE)
    yield Figure("alerts_1000_more_rules", with_exact / judged, "x", _MORE_TARGET, _FEW_RULES)
    yield Figure("alerts_1000_more_globs", with_globs / judged, "x", _MORE_TARGET, _FEW_RULES)


def _rule_sets() -> Iterator[tuple[Rule, ...]]:
    """Yield the users' rules of each processor: none, those on other metrics, and globs that match other metrics."""
    for metric in ("", "app{}.queue.utilization", "app{}.*"):
        numbers = range(_MORE if metric else 0)
        yield tuple(Rule(name=f"App{number}", metric=metric.format(number), above=90.0) for number in numbers)


def _decode(batch: Batch) -> None:
    for value in batch.values:
        orjson.loads(value)


def _read(batch: Batch) -> None:
    for value in batch.values:
        read_aggregates(value)


def _judge(processor: AlertsProcessor, batch: Batch) -> None:
    done = 0
    while done < len(batch):
        output = processor.process(batch.slice(done, len(batch)))
        done += len(batch) - done if output.taken is None else output.taken
