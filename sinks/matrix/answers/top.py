"""Which sources are worst."""

from collections.abc import Callable
from typing import Final

from sinks.matrix.answer import Answer, aligned, counted, metric_words
from sinks.matrix.commands import Resource
from sinks.matrix.memory import Memory
from sinks.matrix.series import Series
from sinks.row import Measure, extent, figure
from sinks.severity import Family
from virtpulse.clock import Clock

_ROWS: Final = 10
_PARTS: Final[dict[Resource, frozenset[str]]] = {
    "cpu": frozenset({"cpu", "vcpu"}),
    "memory": frozenset({"memory", "paging"}),
    "disk": frozenset({"disk", "filesystem"}),
    "network": frozenset({"network"}),
}


def top(resource: Resource, memory: Memory, clock: Clock) -> Answer:
    """Return a table of the worst sources, each with the worst metric that it has of that kind."""
    about, now = _about(resource), clock.monotonic()
    worst: dict[str, Series] = {}
    for series in memory.series():
        row = series.row
        if row.figure is None or row.measure is Measure.TIME or not about(series) or series.is_quiet(now):
            continue
        known = worst.get(row.name.source)
        if known is None or _order(series) < _order(known):
            worst[row.name.source] = series
    shown = sorted(worst.values(), key=_order)[:_ROWS]
    if not shown:
        return Answer([f"no windows about {resource} lately"])
    rows = [(one.row.name.source, metric_words(one.row.name.key), figure(one.row), extent(one.row)) for one in shown]
    said = f"{resource}, worst first, {len(shown)} of {counted(len(worst), 'source')}:"
    return Answer([said], aligned(("source", "metric", "now", "min-max"), rows))


def _about(resource: Resource) -> Callable[[Series], bool]:
    if resource == "faults":
        return lambda series: series.row.name.family is Family.FAULT and bool(series.row.figure)
    parts = _PARTS[resource]
    return lambda series: not parts.isdisjoint(series.row.name.key.partition("@")[0].split("."))


def _order(series: Series) -> tuple[object, ...]:
    """Return what sorts series: by badness, then percentages before amounts, then the larger figure."""
    row = series.row
    return -row.bad, row.measure is not Measure.PERCENT, -(row.figure or 0.0), row.name
