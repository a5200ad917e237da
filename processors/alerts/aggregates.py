"""Judging aggregates: the rules on windows, in the source's event time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Never

import msgspec

from processors.alerts.checks import AGGREGATE, Check, Checks, beyond, facts_hold, usable, while_holds
from processors.alerts.life import Course, Step
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import Sources
from processors.alerts.writing import Standing
from virtpulse.errors import InvalidError
from virtpulse.globs import is_like
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.messages.bounds import MAX_FACT, MAX_TIME, is_source
from virtpulse.messages.reading import WHOLE, check_key, documents
from virtpulse.messages.sample import MAPS
from virtpulse.transports.interface import MAX_MESSAGE_BYTES

Cell = Ratio | Timing

_ONE: Final = msgspec.json.Decoder(Aggregate)
_MANY: Final = msgspec.json.Decoder(list[Aggregate])
_FAMILIES: Final = tuple(name for name in MAPS if name != "timings")


def read_aggregates(value: bytes) -> list[Aggregate]:
    """Return the aggregates of a message. Raises InvalidError if one of them cannot be read."""
    try:
        return _MANY.decode(value) if value[:1] == b"[" else [_ONE.decode(value)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = documents(value, MAX_MESSAGE_BYTES)
        reason = f"message must be an aggregate, or an array of {len(found)} such: {error}"
        raise InvalidError(WHOLE, reason) from None


class AggregateJudge:
    """Holds aggregates against the rules."""

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register, stale_after: float) -> None:
        own = [rule for rule in rules if rule.on == "aggregate"]
        self._checks = Checks(AGGREGATE, [rule for rule in own if rule.metric])
        self._late = [rule for rule in own if rule.statistic == "late"]
        self._about_facts = [rule for rule in own if not rule.metric and rule.statistic != "late"]
        self._sources = sources
        self._register = register
        self._stale_after = stale_after

    def judge(self, aggregate: Aggregate, monotonic: float) -> None:
        """Take the steps that an aggregate leads to. Raises InvalidError for one that cannot be, before any step."""
        source = self._sources.get(aggregate.source)
        if source is None and not is_source(aggregate.source):
            _refuse("source", f"must be a path such as host/guest, got {aggregate.source[:60]!a}")
        if not 0 <= aggregate.start < aggregate.end <= MAX_TIME:
            _refuse("start", f"must lie before end, got {aggregate.start:g} and {aggregate.end:g}")
        if source is not None and source.ended_at is not None and aggregate.start < source.ended_at:
            return
        for standing in self._register.each_of(aggregate.source):
            if standing.rule.on == "aggregate" and standing.view == (aggregate.view or ""):
                self._go_on(standing, aggregate, monotonic)
        self._look(aggregate, monotonic)

    def _look(self, aggregate: Aggregate, monotonic: float) -> None:
        """Begin alerts for what is beyond a threshold and has none yet."""
        for cells in (aggregate.resources, aggregate.performance, aggregate.faults):
            if cells:
                self._look_at(cells, self._checks.of_ratio, aggregate, monotonic)
        if aggregate.timings:
            self._look_at(aggregate.timings, self._checks.of_timing, aggregate, monotonic)
        for rule in self._late if aggregate.late <= MAX_FACT else ():
            if beyond(rule, aggregate.late) and self._is_new(rule, aggregate, ""):
                self._begin(rule, aggregate, "", float(aggregate.late), monotonic)
        for rule in self._about_facts:
            if facts_hold(rule, aggregate.facts) and self._is_new(rule, aggregate, ""):
                self._begin(rule, aggregate, "", None, monotonic)

    def _look_at(
        self, cells: Mapping[str, Cell], checks_of: Callable[[str], Sequence[Check]], aggregate: Aggregate, monotonic: float
    ) -> None:
        for key, cell in cells.items():
            for check in checks_of(key):
                value = check.value(cell)
                if value is not None and (value > check.limit if check.rising else value < check.limit):
                    self._exceeds(check, cells, value, aggregate, monotonic)

    def _exceeds(self, check: Check, cells: Mapping[str, Cell], value: float, aggregate: Aggregate, monotonic: float) -> None:
        if (check.unless and check.unless in cells) or usable(value) is None:
            return
        rule = check.rule
        if self._is_new(rule, aggregate, check.key) and self._also(check, aggregate):
            check_key(MAPS[0], check.key)
            self._begin(rule, aggregate, check.key, value, monotonic)

    def _is_new(self, rule: Rule, aggregate: Aggregate, key: str) -> bool:
        present = (rule.name, key) in self._register.of_source(aggregate.source)
        return not present and is_like(aggregate.source, rule.source)

    def _also(self, check: Check, aggregate: Aggregate) -> bool | None:
        """Return whether what a rule asks for beside its threshold holds; None where the facts do not say."""
        rule = check.rule
        if rule.while_ is not None and not while_holds(rule.while_, check, aggregate):
            return False
        if not rule.facts:
            return True
        return facts_hold(rule, {**self._sources.facts(aggregate.source), **aggregate.facts})

    def _begin(self, rule: Rule, aggregate: Aggregate, key: str, value: float | None, monotonic: float) -> None:
        course = Course(float(rule.for_), rule.lasting, aggregate.end)
        standing = Standing(rule, aggregate.source, aggregate.view or "", key, course)
        standing.value, standing.judged = value, monotonic
        self._register.begin(standing, aggregate.end)

    def _go_on(self, standing: Standing, aggregate: Aggregate, monotonic: float) -> None:
        course, time = standing.course, aggregate.end
        holds, value = self._holds(standing, aggregate)
        if holds is None:
            step = course.misses(time, self._stale_after)
            self._register.apply(standing, step, time, "nothing is known of its metric any more")
            return
        standing.judged = monotonic
        step = course.holds(time) if holds else course.ceases(time)
        if step is not Step.NONE:
            standing.value = value  # only what is written, as the next worker has no more than that
        self._register.apply(standing, step, time)

    def _holds(self, standing: Standing, aggregate: Aggregate) -> tuple[bool | None, float | None]:
        """Return whether the condition of an alert still holds, None where the aggregate does not say; and the judged value."""
        rule = standing.rule
        if rule.statistic == "late":
            if aggregate.late > MAX_FACT:
                return None, None
            return beyond(rule, aggregate.late, standing.course), float(aggregate.late)
        if not rule.metric:
            return facts_hold(rule, aggregate.facts), None
        for check, cells in self._checks_of(standing, aggregate):
            value = usable(check.value(cells[standing.key]))
            if value is None or (check.unless and check.unless in cells):
                break
            return beyond(rule, value, standing.course) and self._also(check, aggregate), value
        return None, None

    def _checks_of(self, standing: Standing, aggregate: Aggregate) -> Iterable[tuple[Check, Mapping[str, Cell]]]:
        """Yield the check of a standing alert with the cells that it looks at; nothing where its metric is not there."""
        key = standing.key
        for name in _FAMILIES:
            cells: Mapping[str, Ratio] = getattr(aggregate, name)
            if key in cells:
                yield from ((check, cells) for check in self._checks.of_ratio(key) if check.rule is standing.rule)
        if key in aggregate.timings:
            found = self._checks.of_timing(key)
            yield from ((check, aggregate.timings) for check in found if check.rule is standing.rule)


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, f"{field} {reason}")
