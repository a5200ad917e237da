"""The life of alerts over any course of things, against a look at the whole past; and cut anywhere, it goes on the same."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.alerts.rule import Rule, While
from tests.alerting import NOON, AlertsWorker
from virtpulse.messages.alert import Alert
from virtpulse.units import Duration

STALE = 40.0
BUSY = "system.cpu.utilization"
NEEDED = "system.memory.utilization"

Verdict = bool | None  # whether the condition holds; None where the window does not say
Judged = Sequence[tuple[float, Verdict]]  # when, in seconds after noon

spans = st.sampled_from((0.0, 5.0, 10.0, 25.0, 60.0))
gaps = st.sampled_from((0.5, 1.0, 5.0, 10.0, 10.0, 30.0))
verdicts = st.sampled_from((True, True, True, False, False, None))
moments = st.lists(st.tuples(gaps, verdicts), max_size=60).map(
    lambda found: list(zip(accumulate(gap for gap, _ in found), (verdict for _, verdict in found), strict=True))
)


def lived(judged: Judged, hold: float, lasting: float) -> list[tuple[float, float | None]]:
    """Return when it fired and when that was over, looked up anew in the past at each moment."""
    found: list[tuple[float, float | None]] = []
    begin, fired = 0, None
    for index, (time, verdict) in enumerate(judged):
        past = judged[begin : index + 1]
        if verdict and fired is None and time - first(past, {True}, behind={False}) >= hold:
            fired = time
        quiet = verdict is False and (fired is None or time - first(past, {False}, behind={True}) >= lasting)
        gone = verdict is None and time - first(past, {None}, behind={True, False}) >= STALE
        if quiet or gone:
            found += [] if fired is None else [(fired, time)]
            begin, fired = index + 1, None
    return found if fired is None else [*found, (fired, None)]


def first(past: Judged, wanted: set[Verdict], behind: set[Verdict]) -> float:
    """Return the time of the first of the `wanted` verdicts behind the last of the others."""
    last = max((index for index, (_, verdict) in enumerate(past) if verdict in behind), default=-1)
    return next(time for time, verdict in past[last + 1 :] if verdict in wanted)


def told(alerts: Sequence[Alert]) -> list[tuple[float, float | None]]:
    """Return when it fired and when that was over, as was published of one alert: each change once, and in turn."""
    assert [alert.status for alert in alerts] == [("firing", "resolved")[number % 2] for number in range(len(alerts))]
    fired = [(after_noon(alert.starts_at), None) for alert in alerts[::2]]
    ended = [(after_noon(alert.starts_at), after_noon(alert.ends_at)) for alert in alerts[1::2]]
    return [*ended, *fired[len(ended) :]]


def after_noon(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() - NOON


@given(moments, spans, spans)
def test_it_fires_once_its_condition_has_held_and_is_over_once_that_has_ceased_or_is_not_known(
    judged: Judged, hold: float, lasting: float
) -> None:
    rule = Rule(name="Busy", metric=BUSY, above=50.0, for_=Duration(hold), keep_firing_for=Duration(lasting))
    worker = AlertsWorker([rule], stale_after=Duration(STALE))
    for time, verdict in judged:
        ratio = {True: 80.0, False: 20.0, None: None}[verdict]
        worker.aggregate("kvm-07", time, resources={BUSY: ratio} if time % 2 else {BUSY: ratio, NEEDED: 1.0})
    assert told(worker.alerts) == lived(judged, hold, lasting)


class Window(NamedTuple):
    """What a source reports of a window: its ratios, and whether the worker is killed before it judges that."""

    source: str
    seconds: float
    cells: dict[str, float | None]
    late: int
    killed: bool


ratios = st.one_of(st.none(), st.sampled_from((40.0, 49.9999999, 50.0, 50.0000001, 50.5000001, 60.0)), st.floats(0, 100))
windows = st.builds(
    Window,
    st.sampled_from(("kvm-07", "kvm-07/web-3")),
    gaps,
    st.dictionaries(st.sampled_from((BUSY, NEEDED, f"{BUSY}@steal", f"{BUSY}@user")), ratios),
    st.integers(0, 2),
    st.booleans(),
)
RULES = (
    Rule(
        name="Busy",
        metric="system.*",
        above=50.0,
        clear=45.0,
        for_=Duration(5),
        summary="{source} has {value:.0f} of {threshold}",
    ),
    Rule(name="Short", metric=NEEDED, below=50.0, keep_firing_for=Duration(20), summary="{value} is below {threshold}"),
    Rule(name="Both", metric=BUSY, above=40.0, while_=While(metric=NEEDED, above=40.0), for_=Duration(10)),
    Rule(name="Late", statistic="late", above=0.0, keep_firing_for=Duration(10), summary="{value:.0f} are late"),
)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(windows, min_size=10, max_size=40))
def test_a_worker_that_goes_on_from_what_another_wrote_says_and_remembers_what_that_would_have(course: Sequence[Window]) -> None:
    whole, cut = AlertsWorker(RULES, stale_after=Duration(STALE)), AlertsWorker(RULES, stale_after=Duration(STALE))
    for window, time in zip(course, accumulate(window.seconds for window in course), strict=True):
        if window.killed:
            cut.restart()
        for worker in (whole, cut):
            worker.aggregate(window.source, time, resources=window.cells, late=window.late)
        assert cut.states == whole.states
    assert cut.alerts == whole.alerts
    assert (cut.refused, whole.refused) == (0, 0)


@given(st.lists(st.tuples(st.floats(-30, 30), st.sampled_from((True, False)), gaps), max_size=40), spans, spans)
def test_samples_in_any_order_make_no_alert_end_before_it_began(
    course: Sequence[tuple[float, bool, float]], hold: float, lasting: float
) -> None:
    rule = Rule(
        name="Crashed", on="sample", facts={"vm.state": "crashed"}, for_=Duration(hold), keep_firing_for=Duration(lasting)
    )
    worker = AlertsWorker([rule])
    for skew, crashed, gap in course:
        worker.sample("kvm-07/web-3", time=worker.clock.now + skew, facts={"vm.state": "crashed" if crashed else "running"})
        worker.advance(gap)
    assert all(begin <= end for begin, end in told(worker.alerts) if end is not None)
