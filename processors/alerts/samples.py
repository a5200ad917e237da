"""Judging samples the moment they arrive: events, and signs of life."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from processors.alerts.absence import Absence
from processors.alerts.checks import SAMPLE, Checks, beyond, facts_hold
from processors.alerts.life import Course, Step
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import NO_FACTS, Source, Sources
from processors.alerts.writing import Standing
from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import MAX_INTERVAL, MAX_TIME, is_source
from virtpulse.messages.reading import check_key, documents
from virtpulse.messages.sample import MAPS, Fact
from virtpulse.transports.interface import Message

AHEAD: Final = 600.0  # a sample dated further ahead of the log is refused by the windows, and judged by nobody

_MOST_FACTS: Final = 10_000  # spellings of facts that are remembered
_NO_MAP: Final = msgspec.Raw()
_facts: Final = msgspec.json.Decoder(dict[str, Fact])


class _Heard(msgspec.Struct, gc=False):
    """What of a sample says that its source lives, and what may be an event."""

    source: str
    time: float
    view: str = ""
    interval: float = 0.0
    due: float = 0.0
    ended: str = ""
    facts: msgspec.Raw = _NO_MAP


class _Measured(_Heard, gc=False):
    """The same with the measurements, where there are rules on those."""

    resources: dict[str, tuple[float, float]] = {}
    performance: dict[str, tuple[float, float]] = {}
    faults: dict[str, tuple[float, float]] = {}
    timings: dict[str, tuple[float, float]] = {}


class SampleJudge:
    """Hears sources, and holds their samples against the rules on samples. What is no valid sample the windows refuse."""

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register, absence: Absence) -> None:
        own = [rule for rule in rules if rule.on == "sample"]
        self._checks = Checks(SAMPLE, [rule for rule in own if rule.metric])
        self._about_facts = [rule for rule in own if not rule.metric]
        self._sources = sources
        self._register = register
        self._absence = absence
        kind = _Measured if self._checks else _Heard
        self._one: msgspec.json.Decoder[_Heard] = msgspec.json.Decoder(kind)
        self._many = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # one of two kinds, chosen by the rules
        self._spellings: dict[bytes, Mapping[str, Fact]] = {}

    def judge(self, message: Message, monotonic: float) -> None:
        """Take the steps that a message of samples leads to."""
        for sample in self._read(message.value):
            source = self._sources.get(sample.source)
            if source is None:
                source = self._sources.add(sample.source, monotonic) if is_source(sample.source) else None
                if source is None:
                    continue
            source.due = _span(sample.due) or _span(sample.interval)
            source.hear(sample.view, monotonic, message.time)
            if sample.ended:
                self._end(source, sample, message.time)
                continue
            source.ended = ""
            self._absence.hear(source, message.time, monotonic)
            if 0 <= sample.time <= min(message.time + AHEAD, MAX_TIME):
                self._look(source, sample, monotonic)

    def _read(self, value: bytes) -> Sequence[_Heard]:
        try:
            return self._many.decode(value) if value[:1] == b"[" else [self._one.decode(value)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return list(self._readable(value))

    def _readable(self, value: bytes) -> Iterator[_Heard]:
        """Yield those documents of a message that can be read, after one that cannot."""
        try:
            found = documents(value)
        except InvalidError:
            return
        for document in found:
            try:
                yield self._one.decode(document)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

    def _end(self, source: Source, sample: _Heard, taken_in: float) -> None:
        source.ended = sample.ended[:20]
        self._absence.end(source)
        time = min(max(sample.time, 0.0), taken_in)
        self._register.end_source(source.name, time, "its source has ended")

    def _look(self, source: Source, sample: _Heard, monotonic: float) -> None:
        facts = self._facts_of(sample)
        if facts:
            source.learn(self._sources.wanted(facts))
        for rule in self._about_facts if facts else ():
            holds = facts_hold(rule, facts)
            if holds is not None:
                self._take(rule, source, sample, "", None, monotonic, holds=holds)
        if isinstance(sample, _Measured):
            self._measure(source, sample, facts, monotonic)

    def _measure(self, source: Source, sample: _Measured, facts: Mapping[str, Fact], monotonic: float) -> None:
        for cells, checks_of in (
            (sample.resources, self._checks.of_ratio),
            (sample.performance, self._checks.of_ratio),
            (sample.faults, self._checks.of_ratio),
            (sample.timings, self._checks.of_timing),
        ):
            for key, pair in cells.items():
                for check in checks_of(key):
                    value = check.value(pair)
                    rule = check.rule
                    if value is None or (check.unless and check.unless in cells):
                        continue
                    standing = self._register.of_source(source.name).get((rule.name, key))
                    holds = beyond(rule, value, None if standing is None else standing.course)
                    if rule.facts:
                        holds = holds and bool(facts_hold(rule, {**source.facts, **facts}))
                    self._take(rule, source, sample, key, value, monotonic, holds=holds)

    def _take(  # noqa: PLR0913, PLR0917 what is judged, of whom, and the verdict
        self,
        rule: Rule,
        source: Source,
        sample: _Heard,
        key: str,
        value: float | None,
        monotonic: float,
        *,
        holds: bool,
    ) -> None:
        standing = self._register.of_source(source.name).get((rule.name, key))
        if standing is None:
            if holds and fnmatchcase(source.name, rule.source) and _is_key(key):
                standing = Standing(rule, source.name, sample.view, key, Course(float(rule.for_), rule.lasting, sample.time))
                standing.value, standing.judged = value, monotonic
                self._register.begin(standing, sample.time)
            return
        if standing.view != sample.view:
            return
        if holds:
            standing.judged = monotonic
        course = standing.course
        step = course.holds(sample.time) if holds else course.ceases(sample.time)
        if step is not Step.NONE:
            standing.value = value  # only what is written, as the next worker has no more than that
        self._register.apply(standing, step, sample.time)

    def _facts_of(self, sample: _Heard) -> Mapping[str, Fact]:
        raw = bytes(sample.facts)
        if not raw:
            return NO_FACTS
        found = self._spellings.get(raw)
        if found is None:
            try:
                found = _facts.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                found = NO_FACTS
            if len(self._spellings) >= _MOST_FACTS:
                self._spellings.clear()
            self._spellings[raw] = found
        return found


def _span(seconds: float) -> float:
    return seconds if 0 < seconds <= MAX_INTERVAL else 0.0


def _is_key(key: str) -> bool:
    try:
        check_key(MAPS[0], key)
    except InvalidError:
        return not key
    return True
