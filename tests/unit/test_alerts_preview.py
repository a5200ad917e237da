"""What `virtpulse check` says of rules: what each matches in recent data, and whether it would fire now."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from processors.alerts.preview import AlertsPreview
from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from tests.conftest import FakeClock
from virtpulse.runtime.roles import Judgement
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Batch
from virtpulse.units import Duration

CPU = "system.cpu.utilization"
BUSY = Rule(name="Busy", metric=CPU, above=90)
LATE = Rule(name="Late", statistic="late", above=0)
CRASHED = Rule(name="Crashed", facts={"vm.state": "crashed"})


def preview_of(clock: FakeClock, *rules: Rule) -> AlertsPreview:
    return AlertsPreview(AlertsSettings(disable=("*",), rules=rules), clock)


def window(source: str, end: float, ratio: float | None = None, *, late: int = 0, **facts: str) -> dict[str, Any]:
    cell = {"part": ratio, "whole": 100, "ratio": ratio, "min": ratio, "max": ratio, "last": ratio, "count": 10}
    named = {name.replace("_", "."): fact for name, fact in facts.items()}
    return {
        "source": source, "start": end - 10, "end": end, "samples": 10, "late": late, "repeated": 0,
        "resources": {} if ratio is None else {CPU: cell}, "facts": named,
    }  # fmt: skip


def batch(topic: str, *documents: Mapping[str, Any]) -> Batch:
    """Return documents that the log took in when their window ended, or their sample was taken."""
    times = [document.get("end") or document["time"] for document in documents]
    values = [json.dumps(document).encode() for document in documents]
    return Batch(topic, 0, range(len(values)), times, [document["source"] for document in documents], values)


def judged(preview: AlertsPreview) -> dict[str, Judgement]:
    return {judgement.rule: judgement for judgement in preview.judgements()}


def test_a_rule_on_a_metric_says_what_it_matches_the_worst_and_what_fires(fake_clock: FakeClock) -> None:
    preview, now = preview_of(fake_clock, BUSY), fake_clock.time()
    preview.take(batch(AGGREGATES, window("a", now - 20, 99.0), window("b", now - 15, 95.0), window("a", now - 10, 50.0)))
    busy = judged(preview)["Busy"]
    assert (busy.metrics, busy.sources, busy.worst, busy.worst_of) == (2, 2, 95.0, f"b {CPU}")
    assert (busy.firing, busy.pending, busy.warning) == (1, 0, "")


def test_of_a_rule_with_below_the_least_is_the_worst(fake_clock: FakeClock) -> None:
    idle, now = Rule(name="Idle", metric=CPU, below=5), fake_clock.time()
    preview = preview_of(fake_clock, idle)
    preview.take(batch(AGGREGATES, window("a", now, 40.0), window("b", now, 20.0)))
    assert (judged(preview)["Idle"].worst, judged(preview)["Idle"].firing) == (20.0, 0)


def test_what_has_not_held_for_long_enough_is_pending_and_says_how_long_it_must(fake_clock: FakeClock) -> None:
    slow = Rule(name="Slow", metric=CPU, above=90, for_=Duration(900))
    preview, now = preview_of(fake_clock, BUSY, slow), fake_clock.time()
    assert preview.holds == 900.0
    preview.take(batch(AGGREGATES, *(window("a", now - back, 99.0) for back in range(600, -1, -10))))
    assert (judged(preview)["Slow"].pending, judged(preview)["Slow"].firing, judged(preview)["Slow"].holds) == (1, 0, 900.0)
    longer = preview_of(fake_clock, slow)
    longer.take(batch(AGGREGATES, *(window("a", now - back, 99.0) for back in range(1_200, -1, -10))))
    assert judged(longer)["Slow"].firing == 1


def test_late_samples_and_facts_are_judged_by_the_rules_on_them_alone(fake_clock: FakeClock) -> None:
    preview, now = preview_of(fake_clock, BUSY, LATE, CRASHED), fake_clock.time()
    preview.take(batch(AGGREGATES, window("a", now, late=3), window("b", now, vm_state="crashed"), window("c", now)))
    found = judged(preview)
    assert (found["Late"].sources, found["Late"].worst, found["Late"].worst_of, found["Late"].firing) == (3, 3.0, "a", 1)
    assert (found["Crashed"].sources, found["Crashed"].worst, found["Crashed"].firing) == (1, None, 1)
    assert found["Busy"].metrics == 0


def test_a_rule_of_other_sources_matches_nothing(fake_clock: FakeClock) -> None:
    others = [Rule(name=f"Of{rule.name}", metric=rule.metric, statistic=rule.statistic, above=rule.above, facts=rule.facts,
                   source="x*") for rule in (BUSY, LATE, CRASHED)]  # fmt: skip
    preview, now = preview_of(fake_clock, *others), fake_clock.time()
    preview.take(batch(AGGREGATES, window("a", now, 99.0, late=3, vm_state="crashed")))
    assert all((found.metrics, found.firing, found.warning) == (0, 0, "") for found in preview.judgements())


def test_what_ended_by_itself_meanwhile_would_not_fire_any_more(fake_clock: FakeClock) -> None:
    event = Rule(name="Event", on="sample", facts={"vm.state": "crashed"})
    preview, now = preview_of(fake_clock, BUSY, event), fake_clock.time()
    samples = [
        {"source": source, "time": now - ago, "facts": {"vm.state": "crashed"}} for source, ago in (("a", 400), ("b", 100))
    ]
    preview.take(batch(SAMPLES, *samples))
    preview.take(batch(AGGREGATES, window("gone", now - 400, 99.0), window("here", now - 100, 99.0)))
    found = judged(preview)
    assert (found["Busy"].firing, found["Event"].firing) == (1, 1)


@pytest.mark.parametrize("value", [b"nope", b'{"source": "a"}'])
def test_what_is_no_aggregate_does_not_matter(fake_clock: FakeClock, value: bytes) -> None:
    preview = preview_of(fake_clock, BUSY)
    preview.take(Batch(AGGREGATES, 0, [0], [fake_clock.time()], ["a"], [value]))
    assert judged(preview)["Busy"].metrics == 0


def test_a_metric_that_nobody_knows_is_a_warning_until_there_is_one(fake_clock: FakeClock) -> None:
    odd = Rule(name="Odd", metric="my.metric.*", above=1)
    preview, now = preview_of(fake_clock, odd), fake_clock.time()
    assert judged(preview)["Odd"].warning == "the catalogue knows no metric that matches my.metric.*"
    document = window("a", now, 3.0)
    preview.take(batch(AGGREGATES, {**document, "resources": {"my.metric.x": document["resources"][CPU]}}))
    assert (judged(preview)["Odd"].warning, judged(preview)["Odd"].firing) == ("", 1)
