"""The life of an alert is that of Prometheus: firing and resolved at the same steps as `promtool test rules` says."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from processors.alerts.rule import Rule
from tests.alerting import NOON, AlertsWorker
from tests.promtool import STEP, Name, PromRule, Spans, firing_spans
from virtpulse.units import Duration

pytestmark = pytest.mark.needs("prometheus")

STEPS = 120
THRESHOLD = 50.0
HOLDS = (0.0, 5.0, 10.0, 15.0, 30.0, 60.0)  # multiples of the step, and others
LASTINGS = (0.0, 4.0, 10.0, 20.0, 25.0, 60.0, 300.0)

Draw = random.Random
Values = Sequence[float | None]


def hovering(draw: Draw) -> list[float]:
    return [THRESHOLD + draw.choice((-1, -0.25, 0, 0, 0.25, 1)) for _ in range(STEPS)]


def constant(draw: Draw) -> list[float]:
    return [draw.choice((THRESHOLD - 20, THRESHOLD, THRESHOLD + 20))] * STEPS


def spikes(draw: Draw) -> list[float]:
    usual, rare = draw.sample((20.0, 80.0), 2)
    return [rare if draw.random() < 0.1 else usual for _ in range(STEPS)]


def square_wave(draw: Draw) -> list[float]:
    high, low = draw.randint(1, 12), draw.randint(1, 12)
    return [80.0 if (step % (high + low)) < high else 20.0 for step in range(STEPS)]


def random_walk(draw: Draw) -> list[float]:
    at, found = THRESHOLD, []
    for _ in range(STEPS):
        at = min(max(at + draw.choice((-5, -2.5, 0, 2.5, 5)), 0.0), 100.0)
        found.append(at)
    return found


def long_and_short(draw: Draw) -> list[float]:
    found: list[float] = []
    while len(found) < STEPS:
        found += [draw.choice((10.0, THRESHOLD, 90.0))] * draw.choice((1, 1, 2, 3, 7, 31))
    return found[:STEPS]


SHAPES: Sequence[Callable[[Draw], list[float]]] = (hovering, constant, spikes, square_wave, random_walk, long_and_short)


def our_spans(rules: Sequence[Rule], series: Mapping[Name, Values]) -> dict[Name, Spans]:
    """Return when our alerts fired. Each rule is given the metric `m.NAME`, each of its series is a device; None is no ratio."""
    worker = AlertsWorker(rules)
    for step in range(len(next(iter(series.values())))):
        cells = {f"m.{rule}@{device}": values[step] for (rule, device), values in series.items()}
        worker.aggregate("host", step * STEP, resources=cells)
    assert not worker.letters
    spans: dict[Name, Spans] = defaultdict(list)
    for alert in worker.alerts:
        of = spans[alert.labels["alertname"], alert.labels["device"]]
        if alert.status == "firing":
            of.append((_step(alert.starts_at), None))
        else:
            begun, end = of.pop()
            assert end is None, "resolved twice"
            assert begun == _step(alert.starts_at)
            of.append((begun, _step(alert.ends_at)))
    return dict(spans)


def _step(moment: str) -> int:
    step = (datetime.fromisoformat(moment).timestamp() - NOON) / STEP
    assert step == round(step)
    return round(step)


def rule(name: str, hold: float, lasting: float, **more: float) -> Rule:
    threshold = more or {"above": THRESHOLD}
    return Rule(name=name, metric=f"m.{name}", for_=Duration(hold), keep_firing_for=Duration(lasting), **threshold)  # type: ignore[arg-type]  # only numbers


def prom_rule(ours: Rule) -> PromRule:
    compared = f"> {ours.above:g}" if ours.above is not None else f"< {ours.below:g}"
    return PromRule(ours.name, f'value{{rule="{ours.name}"}} {compared}', ours.for_, ours.lasting)


@pytest.mark.slow
def test_firing_and_resolved_times_of_hundreds_of_series_are_those_of_prometheus(tmp_path: Path) -> None:
    draw = random.Random(4)
    rules = [
        rule(f"{side}_{hold:g}_{lasting:g}", hold, lasting, **{side: THRESHOLD})
        for side in ("above", "below")
        for hold in HOLDS
        for lasting in LASTINGS
    ]
    series = {(one.name, shape.__name__): shape(draw) for one in rules for shape in SHAPES}
    assert len(series) >= 300
    theirs = firing_spans(tmp_path, [prom_rule(one) for one in rules], series)
    ours = our_spans(rules, series)
    assert sum(map(len, theirs.values())) > 1000
    assert {name: (ours.get(name), theirs.get(name)) for name in series if ours.get(name) != theirs.get(name)} == {}


def compare(folder: Path, ours: Rule, values: Values, expr: str = "", gap: str = "stale") -> tuple[Spans, Spans]:
    """Return the spans of one series, ours and theirs; where it has no value, Prometheus is given `gap`."""
    name = ours.name, "d"
    theirs = prom_rule(ours)._replace(expr=expr) if expr else prom_rule(ours)
    given = {name: [gap if value is None else value for value in values]}
    return our_spans([ours], {name: values}).get(name, []), firing_spans(folder, [theirs], given).get(name, [])


def test_with_hysteresis_an_alert_fires_on_down_to_where_it_clears(tmp_path: Path) -> None:
    values = [40.0, 60.0, 45.0, 60.0, 45.0, 41.0, 40.0, 45.0, 60.0, 45.0]
    ours, theirs = compare(tmp_path, rule("busy", 0, 0, above=50.0, clear=40.0), values)
    assert theirs == [(1, 2), (3, 4), (8, 9)]
    assert ours == [(1, 6), (8, None)]


def test_hysteresis_is_what_operators_write_for_it_in_promql(tmp_path: Path) -> None:
    draw = random.Random(5)
    rules = [rule(f"busy_{hold:g}_{lasting:g}", hold, lasting, above=50.0, clear=45.0) for hold in (0, 15) for lasting in (0, 20)]
    series = {(one.name, f"walk{number}"): random_walk(draw) for one in rules for number in range(10)}
    idiom = 'value{{rule="{0}"}} > 50 or value{{rule="{0}"}} > 45 and on(device) ALERTS{{alertname="{0}", alertstate="firing"}}'
    theirs = firing_spans(tmp_path, [prom_rule(one)._replace(expr=idiom.format(one.name)) for one in rules], series)
    assert our_spans(rules, series) == theirs


def test_a_window_without_a_value_is_no_judgement_where_prometheus_resolves(tmp_path: Path) -> None:
    ours, theirs = compare(tmp_path, rule("busy", 0, 0), [60.0, None, None, 60.0, 40.0, 40.0])
    assert theirs == [(0, 1), (3, 4)]
    assert ours == [(0, 4)]


def test_a_pending_alert_waits_through_windows_without_a_value_where_prometheus_begins_anew(tmp_path: Path) -> None:
    ours, theirs = compare(tmp_path, rule("busy", 30, 0), [60.0, 60.0, None, 60.0, 60.0, 60.0, 60.0, 40.0])
    assert theirs == [(6, 7)]
    assert ours == [(3, 7)]


def test_a_metric_that_is_gone_resolves_after_the_five_minutes_that_prometheus_looks_back(tmp_path: Path) -> None:
    gone = [None] * 40
    ours, theirs = compare(tmp_path, rule("busy", 0, 0), [60.0, 60.0, *gone], gap="_")
    assert ours == theirs == [(0, 32)]
    ours, theirs = compare(tmp_path, rule("busy", 0, 0), [60.0, 60.0, *gone], gap="stale")
    assert (ours, theirs) == ([(0, 32)], [(0, 2)])
