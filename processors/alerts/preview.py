"""What the rules would make of recent data, for `virtpulse check`: nothing is published, nothing remembered."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from processors.alerts.aggregates import read_aggregates
from processors.alerts.checks import AGGREGATE, Checks, facts_hold
from processors.alerts.processor import AlertsProcessor
from processors.alerts.rule import Rule
from processors.alerts.settings import AlertsSettings
from processors.alerts.shipped import odd_metric, rules_in_force
from processors.alerts.writing import Standing
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError
from virtpulse.globs import is_like
from virtpulse.messages.aggregate import Aggregate
from virtpulse.runtime.roles import Judgement
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Batch

_PARTITION: Final = 0
_STEP: Final = 5.0  # seconds of the log that are judged as if they had come at once
_MISSED: Final = 3.0  # windows without a value after which nobody waits for another one

Place = tuple[str, str]  # source and metric key


class _LogClock:
    """A `virtpulse.clock.Clock` that shows when the log took in what is judged, so that its age counts, not that of reading."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now = clock.time()

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """Return the same: nothing that is judged here waits."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait as long as anywhere else."""
        await self._clock.sleep(seconds)


class AlertsPreview:
    """Takes recent messages in and says for each rule what it matches and whether it would fire now."""

    def __init__(self, settings: AlertsSettings, clock: Clock) -> None:
        self._rules = rules_in_force(settings)
        self._clock = clock
        self._log_clock = _LogClock(clock)
        self._stale_after = float(settings.stale_after)
        self._processor = AlertsProcessor(settings, self._log_clock, _PARTITION)
        own = [rule for rule in self._rules if rule.on == "aggregate"]
        self._checks = Checks(AGGREGATE, [rule for rule in own if rule.metric])
        self._late = [rule for rule in own if rule.statistic == "late"]
        self._about_facts = [rule for rule in own if not rule.metric and rule.statistic != "late"]
        self._latest: dict[str, dict[Place, float | None]] = {rule.name: {} for rule in self._rules}
        self._window = 0.0  # seconds of the longest one

    @property
    def holds(self) -> float:
        """The longest time, in seconds, that a condition must hold before its rule fires."""
        return max((float(rule.for_) for rule in self._rules), default=0.0)

    def take(self, batch: Batch) -> None:
        """Judge the messages of a batch."""
        done = 0
        while done < len(batch):
            stop = _step(batch.times, done)
            self._log_clock.now = batch.times[done]
            output = self._processor.process(batch.slice(done, stop))
            done += stop - done if output.taken is None else output.taken
        if batch.topic == AGGREGATES:
            for value in batch.values:
                self._match(value)

    def judgements(self) -> list[Judgement]:
        """Return what became of each rule."""
        now = self._clock.time()
        lives: dict[str, list[Standing]] = {}
        for standing in self._processor.living():
            if now - standing.judged < self._lasts(standing):
                lives.setdefault(standing.rule.name, []).append(standing)
        return [self._judgement(rule, lives.get(rule.name, ())) for rule in self._rules]

    def _lasts(self, standing: Standing) -> float:
        """Return how many seconds after it was judged last an alert would be over by itself."""
        if standing.rule.on == "aggregate":
            return max(self._stale_after, _MISSED * self._window)
        return max(standing.course.lasting, float(standing.rule.for_))

    def _match(self, value: bytes) -> None:
        try:
            aggregates = read_aggregates(value)
        except InvalidError:
            return  # the processor has refused it already
        for aggregate in aggregates:
            self._window = max(self._window, aggregate.end - aggregate.start)
            self._match_metrics(aggregate)
            for rule in self._late:
                if is_like(aggregate.source, rule.source):
                    self._latest[rule.name][aggregate.source, ""] = float(aggregate.late)
            for rule in self._about_facts:
                if is_like(aggregate.source, rule.source) and facts_hold(rule, aggregate.facts) is not None:
                    self._latest[rule.name][aggregate.source, ""] = None

    def _match_metrics(self, aggregate: Aggregate) -> None:
        for cells, checks_of in (
            (aggregate.resources, self._checks.of_ratio),
            (aggregate.performance, self._checks.of_ratio),
            (aggregate.faults, self._checks.of_ratio),
            (aggregate.timings, self._checks.of_timing),
        ):
            for key, cell in cells.items():
                for check in checks_of(key):
                    if is_like(aggregate.source, check.rule.source) and not (check.unless and check.unless in cells):
                        self._latest[check.rule.name][aggregate.source, key] = check.value(cell)

    def _judgement(self, rule: Rule, lives: Sequence[Standing]) -> Judgement:
        latest = self._latest[rule.name]
        known = [(value, place) for place, value in latest.items() if value is not None]
        worst = (min if rule.below is not None else max)(known, default=None)
        return Judgement(
            rule=rule.name,
            on=rule.on,
            metrics=len(latest),
            sources=len({source for source, _ in latest}),
            worst=None if worst is None else worst[0],
            worst_of="" if worst is None else " ".join(part for part in worst[1] if part),
            pending=sum(standing.course.fired is None for standing in lives),
            firing=sum(standing.course.fired is not None for standing in lives),
            holds=float(rule.for_),
            warning="" if latest else odd_metric(rule),
        )


def _step(times: Sequence[float], start: int) -> int:
    """Return the index behind the messages from `start` on that the log took in within a step."""
    stop = bisect_right(times, times[start] + _STEP, start)
    return max(stop, start + 1)
