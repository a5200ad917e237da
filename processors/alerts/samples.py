"""Judging samples the moment they arrive: events, and signs of life."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, get_args

import msgspec

from processors.alerts.absence import Absence
from processors.alerts.checks import SAMPLE, Checks, beyond, facts_hold, usable
from processors.alerts.life import Course, Step
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import NO_FACTS, Source, Sources
from processors.alerts.writing import Standing
from virtpulse.errors import InvalidError
from virtpulse.globs import is_like
from virtpulse.messages.bounds import MAX_INTERVAL, MAX_TIME, VIEW, is_source
from virtpulse.messages.reading import check_key, documents, read_sample
from virtpulse.messages.sample import MAPS, Ended, Fact
from virtpulse.transports.interface import Message

_MOST_FACTS: Final = 10_000  # spellings of facts that are remembered
_LONGEST_FACTS: Final = 4 << 10  # bytes of such a spelling
_ENDED: Final = get_args(Ended)
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

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register, absence: Absence, ahead: float) -> None:
        own = [rule for rule in rules if rule.on == "sample"]
        self._checks = Checks(SAMPLE, [rule for rule in own if rule.metric])
        self._about_facts = [rule for rule in own if not rule.metric]
        self._sources = sources
        self._register = register
        self._absence = absence
        self._ahead = ahead
        kind = _Measured if self._checks else _Heard
        self._one: msgspec.json.Decoder[_Heard] = msgspec.json.Decoder(kind)
        self._many = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # one of two kinds, chosen by the rules
        self._spellings: dict[bytes, Mapping[str, Fact]] = {}

    def judge(self, message: Message, monotonic: float) -> None:
        """Take the steps that a message of samples leads to."""
        for index, sample in self._read(message.value):
            source = self._sources.get(sample.source) or self._met(message, index, sample)
            if source is None:
                continue
            view = source.view(sample.view, monotonic)
            view.hear(monotonic, message.time)
            if not self._counts(sample, message.time):
                self._absence.hear(source, message.time, monotonic)  # its clock is wrong, but it lives
                continue
            view.due = _span(sample.due) or _span(sample.interval)
            view.time = max(view.time, sample.time)
            if sample.ended or source.ended_at is not None or view.ended:
                view.ended = sample.ended
                source.settle()
            if source.ended_at is None:
                self._absence.hear(source, message.time, monotonic)
                self._look(source, sample, monotonic)
            else:
                self.end(source, message.time)

    def end(self, source: Source, taken_in: float) -> None:
        """End what began before its source ended, of which the log learnt at `taken_in`."""
        self._absence.end(source)
        if source.ended_at is not None:
            self._register.end_source(source.name, min(source.ended_at, taken_in), "its source has ended", before=source.ended_at)

    def _met(self, message: Message, index: int, sample: _Heard) -> Source | None:
        """Return a source that is heard for the first time, None if its sample is one that the windows refuse."""
        if not is_source(sample.source) or not self._counts(sample, message.time):
            return None
        try:
            found = documents(message.value)
            if index < len(found):
                read_sample(found[index])
        except InvalidError:
            return None
        source = self._sources.add(sample.source)
        if source is not None:
            self._absence.meet(source)
        return source

    def _counts(self, sample: _Heard, taken_in: float) -> bool:
        """Return whether the windows take the sample, as far as that can be seen of what is read here."""
        timely = 0 <= sample.time <= min(taken_in + self._ahead, MAX_TIME)
        return timely and (not sample.ended or sample.ended in _ENDED) and (not sample.view or bool(VIEW.fullmatch(sample.view)))

    def _read(self, value: bytes) -> Iterable[tuple[int, _Heard]]:
        """Return the samples of a message, each with its place among the message's documents."""
        try:
            return enumerate(self._many.decode(value) if value[:1] == b"[" else [self._one.decode(value)])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._readable(value)

    def _readable(self, value: bytes) -> Iterator[tuple[int, _Heard]]:
        """Yield those documents of a message that can be read, where one cannot."""
        try:
            found = documents(value)
        except InvalidError:
            return
        for index, document in enumerate(found):
            try:
                yield index, self._one.decode(document)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

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
                    value = usable(check.value(pair))
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
            if holds and is_like(source.name, rule.source) and _is_key(key):
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
            if len(raw) <= _LONGEST_FACTS:
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
