"""The alerts processor: rules between the topics."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from processors.alerts.absence import Absence
from processors.alerts.aggregates import AggregateJudge, read_aggregates
from processors.alerts.deadletters import DeadLetterJudge
from processors.alerts.register import Register
from processors.alerts.samples import SampleJudge
from processors.alerts.settings import AlertsSettings
from processors.alerts.shipped import is_disabled, odd_metric, rules_in_force
from processors.alerts.sources import Sources
from processors.alerts.watchdog import Watchdog
from processors.alerts.writing import Standing, Writer
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.alert import WATCHDOG
from virtpulse.messages.bounds import is_source
from virtpulse.messages.codec import decode
from virtpulse.messages.source import Source
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.runtime.roles import Output
from virtpulse.topics import AGGREGATES, ALERT_STATES, DEADLETTERS, SAMPLES, SOURCES
from virtpulse.transports.interface import Batch, Message, Outgoing

_MOST_OUTGOING: Final = 10_000  # messages of one step; what is left of a batch is handled in the next one
_REVIEW_EVERY: Final = 5.0  # seconds between two looks for alerts that nothing will end any more

_MOST_NAMED: Final = 5

_log = get_logger(__name__)


class AlertsProcessor:
    """One partition's alerts, as a `virtpulse.runtime.roles.Processor`. All that it must remember is in its state topics."""

    def __init__(self, settings: AlertsSettings, clock: Clock, partition: int) -> None:
        rules = rules_in_force(settings)
        self._rules = rules
        self._clock = clock
        self._partition = partition
        self._stale_after = float(settings.stale_after)
        writer = Writer(settings.runbook_base, partition)
        self._sources = Sources(frozenset(name for rule in rules for name in rule.facts))
        self._register = Register({rule.name: rule for rule in rules}, self._sources, writer, settings.most)
        silence = [rule for rule in rules if rule.on == "silence"]
        self._absence = Absence(silence, self._sources, self._register, float(settings.absent_after))
        self._aggregates = AggregateJudge(rules, self._sources, self._register, self._stale_after)
        self._samples = SampleJudge(rules, self._sources, self._register, self._absence, float(settings.ahead))
        self._dead_letters = DeadLetterJudge(rules, self._sources, self._register)
        self._watchdog = Watchdog(writer, self._register, wanted=not is_disabled(settings, WATCHDOG))
        self._handlers: Mapping[str, Callable[[Message, float], None]] = {
            AGGREGATES: self._take_aggregates,
            SAMPLES: self._samples.judge,
            SOURCES: self._take_record,
            DEADLETTERS: self._dead_letters.judge,
        }
        self._refused: list[Outgoing] = []
        self._restoring = True
        self._has_inventory = False
        self._began = 0.0
        self._next_review = 0.0

    def restore(self, batch: Batch) -> None:
        """Take up the alerts that live, and the inventory."""
        monotonic = self._clock.monotonic()
        for message in batch:
            if batch.topic == ALERT_STATES:
                self._register.restore(message, monotonic)
            else:
                self._learn(message, monotonic)

    def replay(self, batch: Batch) -> None:
        """There is nothing to replay: what was judged is in the states."""

    def process(self, batch: Batch) -> Output:
        """Judge messages; alerts, their states and dead letters come out."""
        self._begin()
        monotonic, handle = self._clock.monotonic(), self._handlers[batch.topic]
        taken = 0
        for message in batch:
            handle(message, monotonic)
            taken += 1
            if self._register.waiting >= _MOST_OUTGOING:
                break
        return self._output(taken)

    def tick(self) -> Output:
        """Judge who is silent, end what nothing else ends, and let the watchdog beat."""
        self._begin()
        monotonic, now = self._clock.monotonic(), self._clock.time()
        self._absence.tick(monotonic, now)
        if monotonic >= self._next_review:
            self._next_review = monotonic + _REVIEW_EVERY
            self._review(monotonic, now)
        output = self._output(None)
        output.messages += self._watchdog.tick(monotonic, now)
        return output

    def drain(self) -> Iterable[Output]:
        """Tell what is still to be told; that the input ends is no reason for an alert to end."""
        self._begin()
        yield self._output(None)

    def first_needed(self) -> Mapping[str, int]:
        """Return nothing: no state is built from messages that were processed already."""
        return {}

    def living(self) -> Iterable[Standing]:
        """Return every alert that lives."""
        return iter(self._register)

    def _begin(self) -> None:
        if self._restoring:
            self._restoring = False
            self._began = self._clock.monotonic()
            if odd := [rule.name for rule in self._rules if odd_metric(rule)]:
                told = ", ".join(odd[:_MOST_NAMED])
                _log.warning(
                    "the catalogue knows no metric of these rules: they match nothing unless somebody publishes it",
                    rules=told,
                    count=len(odd),
                )
            self._register.resume()
            self._absence.resume(self._clock.monotonic())

    def _output(self, taken: int | None) -> Output:
        messages = [*self._register.taken(self._clock.time()), *self._refused]
        refused, self._refused = len(self._refused) + self._register.set_aside, []
        self._register.set_aside = 0
        return Output(messages, refused=refused, taken=taken)

    def _take_aggregates(self, message: Message, monotonic: float) -> None:
        try:
            aggregates = read_aggregates(message.value)
        except InvalidError as error:
            self._refused.append(dead_letter(message, error))
            return
        for aggregate in aggregates:
            try:
                self._aggregates.judge(aggregate, monotonic)
            except InvalidError as error:
                self._refused.append(dead_letter(message, error))

    def _take_record(self, message: Message, monotonic: float) -> None:
        """Take a record of the inventory: facts, or that the source was forgotten."""
        if message.value:
            self._learn(message, monotonic)
            return
        name, _, view = message.key.partition(" ")
        known = self._sources.get(name)
        if known is not None:
            if view in known.views:
                known.views[view].noted = False
            if any(other.noted for other in known.views.values()):
                return  # the source goes on in its other views
            self._absence.end(known)
            self._sources.forget(name)
        self._register.end_source(name, message.time, "its source was forgotten")

    def _learn(self, message: Message, monotonic: float) -> None:
        """Take up what a record of the inventory says; one that cannot be read is the business of those who write it."""
        try:
            record = decode(message.value, Source)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _log.warning("source record left out", key=message.key, reason=str(error))
            return
        source = self._sources.get(record.source)
        if source is None:
            source = self._sources.add(record.source) if is_source(record.source) else None
            if source is None:
                return
            self._absence.meet(source)
        source.learn(self._sources.wanted(record.facts))
        view = source.view(record.view or "", monotonic)
        view.noted = self._has_inventory = True
        if record.time < view.time:
            return  # this worker has heard later of it
        view.time, view.due = record.time, view.due or record.due or record.interval or 0.0
        if record.ended:
            view.ended = record.ended
        source.settle()
        if source.ended_at is not None:
            self._samples.end(source, message.time)

    def _review(self, monotonic: float, now: float) -> None:
        for standing in list(self._register.events):
            if monotonic - standing.judged >= max(standing.course.lasting, float(standing.rule.for_)):
                self._register.apply(standing, standing.course.end(), now)
        for standing in list(self._register):
            if standing.rule.on == "aggregate" and self._absence.view_is_gone(standing, self._stale_after, monotonic):
                self._register.apply(standing, standing.course.end(), now, "nothing is known of its metric any more")
            elif self._is_unknown(standing, monotonic):
                self._register.apply(standing, standing.course.end(), now, "its source is not known any more")

    def _is_unknown(self, standing: Standing, monotonic: float) -> bool:
        """Return whether an alert is of a source that was forgotten while no worker was there to see it."""
        if not self._has_inventory or not standing.source or monotonic - self._began < self._stale_after:
            return False
        return self._sources.get(standing.source) is None and monotonic - standing.judged >= self._stale_after
