"""What the rules would make of recent data, for `virtpulse check`: nothing is published, nothing remembered."""

from fnmatch import fnmatchcase
from typing import Final

from processors.alerts.aggregates import read_aggregates
from processors.alerts.checks import AGGREGATE, Checks, facts_hold
from processors.alerts.processor import AlertsProcessor
from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from processors.alerts.shipped import odd_metric, rules_in_force
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError
from virtpulse.messages.aggregate import Aggregate
from virtpulse.runtime.roles import Judgement
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Batch

_PARTITION: Final = 0

Place = tuple[str, str]  # source and metric key


class AlertsPreview:
    """Takes recent messages in and says for each rule what it matches and whether it would fire now."""

    def __init__(self, settings: AlertsSettings, clock: Clock) -> None:
        self._rules = rules_in_force(settings)
        self._processor = AlertsProcessor(settings, clock, _PARTITION)
        self._checks = Checks(AGGREGATE, [rule for rule in self._rules if rule.on == "aggregate" and rule.metric])
        self._latest: dict[str, dict[Place, float | None]] = {rule.name: {} for rule in self._rules}

    def take(self, batch: Batch) -> None:
        """Judge the messages of a batch."""
        done = 0
        while done < len(batch):
            output = self._processor.process(batch.slice(done, len(batch)))
            done += len(batch) - done if output.taken is None else output.taken
        if batch.topic == AGGREGATES:
            for value in batch.values:
                self._match(value)

    def judgements(self) -> list[Judgement]:
        """Return what became of each rule."""
        return [self._judgement(rule) for rule in self._rules]

    def _match(self, value: bytes) -> None:
        try:
            aggregates = read_aggregates(value)
        except InvalidError:
            return  # the processor has refused it already
        for aggregate in aggregates:
            self._match_metrics(aggregate)
            for rule in self._rules:
                late = rule.statistic == "late"
                about_facts = rule.on == "aggregate" and not rule.metric and facts_hold(rule, aggregate.facts) is not None
                if fnmatchcase(aggregate.source, rule.source) and (late or (about_facts and not late)):
                    self._latest[rule.name][aggregate.source, ""] = float(aggregate.late) if late else None

    def _match_metrics(self, aggregate: Aggregate) -> None:
        for cells, checks_of in (
            (aggregate.resources, self._checks.of_ratio),
            (aggregate.performance, self._checks.of_ratio),
            (aggregate.faults, self._checks.of_ratio),
            (aggregate.timings, self._checks.of_timing),
        ):
            for key, cell in cells.items():
                for check in checks_of(key):
                    if fnmatchcase(aggregate.source, check.rule.source) and not (check.unless and check.unless in cells):
                        self._latest[check.rule.name][aggregate.source, key] = check.value(cell)

    def _judgement(self, rule: Rule) -> Judgement:
        latest = self._latest[rule.name]
        known = [(value, place) for place, value in latest.items() if value is not None]
        worst = (min if rule.below is not None else max)(known, default=None)
        lives = [standing for standing in self._processor.living() if standing.rule is rule]
        return Judgement(
            rule=rule.name,
            on=rule.on,
            metrics=len(latest),
            sources=len({source for source, _ in latest}),
            worst=None if worst is None else worst[0],
            worst_of="" if worst is None else " ".join(part for part in worst[1] if part),
            pending=sum(standing.course.fired is None for standing in lives),
            firing=sum(standing.course.fired is not None for standing in lives),
            warning="" if latest else odd_metric(rule),
        )
