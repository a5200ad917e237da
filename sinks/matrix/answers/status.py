"""How everything is, or how one source is."""

import difflib
from collections import Counter
from typing import Final

from sinks.matrix.answer import Answer, aligned, at_most, counted, metric_words
from sinks.matrix.answers.wording import ago, alert_line
from sinks.matrix.memory import Memory, severity_of
from sinks.matrix.series import Series
from sinks.row import extent, figure
from sinks.severity import Family, level
from virtpulse.clock import Clock
from virtpulse.harmless import harmless
from virtpulse.messages.alert import BEATS_FOR, SEVERITIES, AlertState

_ROWS: Final = 12
_ALERTS: Final = 8
_GUESTS: Final = 20
_MARKS: Final = ("", " (warning)", " (critical)")


def status(memory: Memory, clock: Clock) -> Answer:
    """Return how many sources there are, what fires, which silences hold, and how old the newest window is."""
    return Answer([_sources(memory), _newest(memory, clock), _alerts(memory, clock), *_warnings(memory, clock)])


def status_of(source: str, memory: Memory, clock: Clock) -> Answer:
    """Return a source's worst metrics, its alerts and its guests."""
    mine = [series for series in memory.series() if _is_of(series.row.name.source, source)]
    alerts = [state for state in memory.firing() if _is_of(state.source, source)]
    known = [record for record in memory.sources.values() if _is_of(record.source, source)]
    if not mine and not alerts and not known:
        return Answer([_unknown(source, memory)])
    now = clock.time()
    ended = "".join(f", ended: {record.ended}" for record in known if record.source == source and record.ended)
    last = max((series.row.end for series in mine), default=None)
    age = "no windows of it yet" if last is None else f"its newest window ended {ago(now - last)}"
    lines = [f"{harmless(source)}: {age}{harmless(ended)}", *at_most(_alert_lines(alerts, memory, now), _ALERTS)]
    guests = _guests(source, mine)
    if guests:
        lines.append(f"{counted(len(guests), 'guest')}: {', '.join(guests[:_GUESTS])}{' ...' if len(guests) > _GUESTS else ''}")
    return Answer(lines, _worst(mine, clock))


def _is_of(name: str, source: str) -> bool:
    return name == source or name.startswith(f"{source}/")


def _sources(memory: Memory) -> str:
    ended = {record.source for record in memory.sources.values() if record.ended}
    all_of_them = {record.source for record in memory.sources.values()} or {one.row.name.source for one in memory.series()}
    return f"{counted(len(all_of_them), 'source')}{f', {len(ended)} of them ended' if ended else ''}"


def _newest(memory: Memory, clock: Clock) -> str:
    if memory.newest is None:
        return "no window has closed since the bot was started"
    return f"the newest window ended {ago(clock.time() - memory.newest)}"


def _alerts(memory: Memory, clock: Clock) -> str:
    firing = memory.firing()
    counts = Counter(severity_of(state) for state in firing)
    shown = [f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]]
    silenced = sum(map(memory.is_silenced, firing))
    held = sum(silence.holds(clock.time()) for silence in memory.silences.values())
    said = f"{', '.join(shown)} {'fires' if len(firing) == 1 else 'fire'}" if firing else "no alert fires"
    return f"{said}{f', {silenced} of them silenced' if silenced else ''}; {counted(held, 'silence')}"


def _warnings(memory: Memory, clock: Clock) -> list[str]:
    found = []
    if memory.heartbeat is not None and clock.time() - memory.heartbeat > BEATS_FOR:
        found.append(f"the alerts processor gave its last sign of life {ago(clock.time() - memory.heartbeat)}: is it running?")
    if memory.missed:
        found.append(f"{counted(memory.missed, 'record')} found no room in the bot's memory")
    return found


def _alert_lines(alerts: list[AlertState], memory: Memory, now: float) -> list[str]:
    return [alert_line(state, now, silenced=memory.is_silenced(state)) for state in alerts]


def _worst(mine: list[Series], clock: Clock) -> list[str]:
    now = clock.monotonic()
    known = (series for series in mine if series.row.figure is not None)
    shown = sorted(known, key=lambda series: (series.is_quiet(now), series.row.rank()))
    if not shown:
        return []
    rows = []
    for series in shown[:_ROWS]:
        row = series.row
        rows.append((row.name.source, row.name.family.value, metric_words(row.name.key), figure(row), extent(row)))
    return aligned(("source", "", "metric", "now", "min-max"), rows)


def _guests(source: str, mine: list[Series]) -> list[str]:
    """Return the names of the guests, each with how bad its worst metric is."""
    worst: dict[str, float] = {}
    for series in mine:
        guest = series.row.name.source.removeprefix(source).lstrip("/")
        if guest:
            bad = series.row.bad if series.row.name.family is not Family.TIMING else 0.0
            worst[guest] = max(worst.get(guest, 0.0), bad)
    ranked = sorted(worst, key=lambda guest: (-level(worst[guest]), guest))
    return [f"{harmless(guest)}{_MARKS[level(worst[guest])]}" for guest in ranked]


def _unknown(source: str, memory: Memory) -> str:
    names = {record.source for record in memory.sources.values()} | {series.row.name.source for series in memory.series()}
    near = difflib.get_close_matches(source[:100], sorted(names)[:10_000], n=1)
    return f"no source is called {harmless(source, 60)}{f'; did you mean {harmless(near[0])}?' if near else ''}"
