"""Why an alert fires: its metric's last windows, and what to do."""

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from msgspec import UNSET

from sinks.matrix.answer import Answer, Chart, aligned, metric_words
from sinks.matrix.answers.wording import SHORT, ago, fired_at, moment
from sinks.matrix.memory import Memory
from sinks.matrix.series import Series
from sinks.row import Measure
from virtpulse.clock import Clock
from virtpulse.harmless import harmless
from virtpulse.messages.alert import Alert, AlertState, source_of
from virtpulse.messages.moments import from_rfc3339
from virtpulse.wording import amount, duration, lasting, percent

_ROWS: Final = 10
_SAME_SCALE: Final = frozenset({"", "ratio", "mean", "min", "max", "last"})  # statistics that figures can be compared with
_LINK: Final = re.compile(r"https?://[A-Za-z0-9._~/#?=%+:-]{1,300}")


class _Case(NamedTuple):
    """What is known of an alert. view: None where it is not known."""

    fingerprint: str
    text: str
    annotations: Mapping[str, str]
    source: str
    view: str | None
    key: str
    life: str
    fired: float | None
    resolved: float | None
    begun: float


def why(beginning: str, memory: Memory, clock: Clock) -> Answer:
    """Return what is known of the alert whose fingerprint begins so, with a chart where its metric has windows."""
    known = {*memory.states, *memory.resolved}
    found = sorted(fingerprint for fingerprint in known if fingerprint.startswith(beginning))
    if not found:
        return Answer([f"no alert has a fingerprint that begins with {harmless(beginning)}; alerts lists those that fire"])
    if len(found) > 1:
        return Answer([f"{len(found)} alerts begin so: {', '.join(found[:_ROWS])}{' ...' if len(found) > _ROWS else ''}"])
    case = _case(found[0], memory)
    series = memory.series_of(case.source, case.view, case.key) if case.key else None
    lines = [*_head(case, clock.time()), *_advice(case)]
    if series is None:
        if case.key:
            lines.insert(2, f"no windows of {harmless(metric_words(case.key))} are remembered")
        return Answer(lines)
    lines.insert(2, _now(case, series, clock.time()))
    return Answer(lines, _table(series), _chart(case, series))


def _case(fingerprint: str, memory: Memory) -> _Case:
    state = memory.states.get(fingerprint)
    return _of_state(state) if state is not None else _of_resolved(memory.resolved[fingerprint])


def _of_state(state: AlertState) -> _Case:
    alert = state.alert
    text = alert.text if isinstance(alert, Alert) else f"{state.rule} {state.source}"
    about = alert.annotations if isinstance(alert, Alert) else {}
    fired = None if state.fired is UNSET else fired_at(state)
    life = f"{state.state}, kept back as its host is silent" if state.inhibited is not UNSET else state.state
    return _Case(state.fingerprint, text, about, state.source, state.view, state.key, life, fired, None, state.since)


def _of_resolved(alert: Alert) -> _Case:
    labels = alert.labels
    source = source_of(labels)
    key = "@".join(part for part in (labels.get("metric", ""), labels.get("device", "")) if part)
    begun, ended = from_rfc3339(alert.starts_at), from_rfc3339(alert.ends_at)
    return _Case(alert.fingerprint, alert.text, alert.annotations, source, None, key, "resolved", begun, ended, begun)


def _head(case: _Case, now: float) -> list[str]:
    begun = case.begun if case.fired is None else case.fired
    since = f"{case.life} since {moment(begun, now)}, {lasting(now - begun)}"
    if case.resolved is not None:
        since = f"fired at {moment(case.begun, now)}, resolved {ago(now - case.resolved)}"
    return [harmless(case.text, 300), f"{harmless(case.fingerprint[:SHORT])}: {since}"]


def _advice(case: _Case) -> list[str]:
    lines = []
    advice, link = case.annotations.get("advice", ""), case.annotations.get("runbook_url", "")
    if advice:
        lines.append(f"what to do: {harmless(advice, 500)}")
    if link:
        lines.append(f"more: {link if _LINK.fullmatch(link) else harmless(link)}")
    return lines


def _now(case: _Case, series: Series, now: float) -> str:
    row = series.row
    limit = _threshold(case, series)
    against = "" if limit is None else f", threshold {_written(series, limit)}"
    return (
        f"{harmless(metric_words(case.key))} is {_written(series, row.figure)}{against}; that window ended {ago(now - row.end)}"
    )


def _table(series: Series) -> list[str]:
    last = list(zip(series.ends, series.figures, strict=True))[-_ROWS:]
    rows = [(moment(end, series.row.end), _written(series, figure)) for end, figure in last]
    return aligned(("window until", "value"), rows)


def _chart(case: _Case, series: Series) -> Chart:
    title = harmless(f"{case.source} {metric_words(case.key)}", 90)
    return Chart(
        title, list(series.ends), list(series.figures), series.row.size, partial(_written, series),
        _threshold(case, series), case.fired, case.resolved,
    )  # fmt: skip


def _threshold(case: _Case, series: Series) -> float | None:
    """Return the rule's threshold where it is on the scale of the figures."""
    if series.row.measure is Measure.AMOUNT or case.annotations.get("statistic", "") not in _SAME_SCALE:
        return None
    try:
        found = float(case.annotations.get("threshold", "nan"))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _written(series: Series, value: float | None) -> str:
    if series.row.measure is Measure.PERCENT:
        return percent(value)
    return duration(value) if series.row.measure is Measure.TIME else amount(series.row.name.key, value)
