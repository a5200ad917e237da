"""A rule, as it stands in the configuration, and what is wrong with another."""

import re
from typing import Final, Literal, get_args

import msgspec

from processors.alerts.placeholders import KNOWN, NUMBERS, check_text
from virtpulse.errors import UsageError
from virtpulse.messages.alert import WATCHDOG
from virtpulse.messages.bounds import MAX_LABELS, METRIC_NAME
from virtpulse.messages.sample import Fact
from virtpulse.units import Duration

On = Literal["aggregate", "sample", "silence", "deadletter"]
Of = Literal["hosts", "guests"]
Severity = Literal["critical", "warning", "info", "none"]
Statistic = Literal["ratio", "part", "whole", "min", "max", "last", "mean", "count", "late"]

EVENT_LASTS: Final = Duration(300)  # how long an alert that an event raised fires on, where the rule does not say
OWN_LABELS: Final = ("alertname", "severity", "host", "vm", "metric", "device")

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_CHARS: Final = 500
_OF_A_SAMPLE: Final = ("ratio", "part", "whole", "mean")


class While(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second condition that must hold in the same aggregate.

    metric: its name, the judged metric itself where it is empty. device: of that metric; else the judged device where it has
    that, else none, else any. statistic, above, below: as of a rule.
    """

    metric: str = ""
    device: str = ""
    statistic: Statistic | None = None
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        """Check what no type can say. Raises UsageError."""
        if (self.above is None) == (self.below is None):
            _refuse(
                "above", "is missing: a condition has above or below" if self.above is None else "and below exclude one another"
            )
        if self.metric and not METRIC_NAME.fullmatch(self.metric):
            _refuse("metric", f'must be the name of a metric, without * and device, got "{self.metric[:60]}"')
        if self.statistic == "late":
            _refuse("statistic", "must be one of a metric, not late")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When an alert is raised, of what, and what it says. An element of `[[rules]]`.

    metric, device, source: globs; without `device` the key without device is judged where it is there, else each device.
    on: aggregates when their window closes, samples the moment they arrive, the silence of sources, or dead letters.
    of: whose silence. statistic: what of the metric is compared; by default the ratio, of a timing the mean.
    above, below: the threshold. clear: up to where a firing alert goes on (hysteresis). for_: how long the condition must hold
    before it fires. keep_firing_for: how long it fires on when the condition holds no more; 0, of an event 5 minutes.
    facts: what the source's facts must be. while_: a second condition. labels: more labels of its alerts.
    """

    name: str
    on: On = "aggregate"
    of: Of | None = None
    metric: str = ""
    device: str = ""
    source: str = "*"
    statistic: Statistic | None = None
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    for_: Duration = msgspec.field(default=Duration(0), name="for")
    keep_firing_for: Duration | None = None
    facts: dict[str, Fact] = {}
    while_: While | None = msgspec.field(default=None, name="while")
    severity: Severity = "warning"
    labels: dict[str, str] = {}
    summary: str = ""
    advice: str = ""
    runbook: str = ""

    def __post_init__(self) -> None:
        """Check what no type can say. Raises UsageError."""
        if not _NAME.fullmatch(self.name):
            _refuse("name", f'must be a word of letters, digits and _, as in CpuBusy, got "{self.name[:60]}"')
        if self.name == WATCHDOG:
            _refuse("name", f"{WATCHDOG} is taken: it is the alert that always fires")
        if self.on in {"silence", "deadletter"}:
            self._check_without_metric()
        else:
            self._check_condition()
        self._check_labels()
        for field in ("summary", "advice"):
            self._check_text(field)

    @property
    def threshold(self) -> float | None:
        """The number that is compared with, None for a rule without one."""
        return self.below if self.above is None else self.above

    @property
    def lasting(self) -> float:
        """Seconds that an alert fires on after its condition held last."""
        if self.keep_firing_for is not None:
            return float(self.keep_firing_for)
        return float(EVENT_LASTS) if self.on in {"sample", "deadletter"} else 0.0

    def _check_without_metric(self) -> None:
        conditions = ("metric", "device", "statistic", "above", "below", "clear", "facts", "while_")
        given = [name for name in conditions if getattr(self, name) not in (None, "", {})]
        if given:
            _refuse(given[0].rstrip("_"), f'does not go with on = "{self.on}"')
        if (self.on == "silence") != (self.of is not None):
            _refuse("of", f'must be one of {", ".join(get_args(Of))} with on = "silence", and stands only there')
        if self.on == "deadletter" and self.for_:
            _refuse("for", "does not go with an event, which holds for no time")

    def _check_condition(self) -> None:
        if self.of is not None:
            _refuse("of", 'goes only with on = "silence"')
        if "@" in self.metric:
            name, _, device = self.metric.partition("@")
            _refuse("metric", f'is a name without its device: write metric = "{name[:60]}" and device = "{device[:60]}"')
        if self.statistic == "late":
            self._check_late()
        elif not self.metric and not self.facts:
            _refuse("metric", "is missing: a rule judges a metric, facts, or the statistic late")
        has_number = bool(self.metric) or self.statistic == "late"
        if has_number and (self.above is None) == (self.below is None):
            _refuse("above", "is missing: a rule has above or below" if self.above is None else "and below exclude one another")
        given = [field for field in ("above", "below", "clear", "statistic", "while_") if getattr(self, field) is not None]
        if not has_number and given:
            _refuse(given[0].rstrip("_"), "needs a metric to look at")
        self._check_clear()
        if self.on == "sample" and self.statistic not in {None, *_OF_A_SAMPLE}:
            _refuse("statistic", f"must be one of {', '.join(_OF_A_SAMPLE)} of a sample, got {self.statistic}")
        if self.on == "sample" and self.while_ is not None:
            _refuse("while", "goes with aggregates only")

    def _check_late(self) -> None:
        if self.on != "aggregate" or self.metric or self.device:
            _refuse(
                "statistic", "late counts the samples of an aggregate, whatever their metric: leave metric, device and on out"
            )

    def _check_clear(self) -> None:
        if self.clear is None:
            return
        why = f"else an alert would end while its condition holds, got {self.clear:g}"
        if self.above is not None and self.clear > self.above:
            _refuse("clear", f"must be at most {self.above:g}, which is above, {why}")
        if self.below is not None and self.clear < self.below:
            _refuse("clear", f"must be at least {self.below:g}, which is below, {why}")

    def _check_labels(self) -> None:
        if len(self.labels) > MAX_LABELS - len(OWN_LABELS):
            _refuse("labels", f"must be at most {MAX_LABELS - len(OWN_LABELS)}, got {len(self.labels)}")
        for name, value in self.labels.items():
            if not _LABEL.fullmatch(name) or name in OWN_LABELS:
                taken = ", which every alert has by itself" if name in OWN_LABELS else ""
                _refuse("labels", f'have a name that cannot be: "{name[:60]}"{taken}; names are letters, digits and _')
            if not value or len(value) > _MOST_CHARS:
                _refuse("labels", f'must have values of 1 to {_MOST_CHARS} characters; "{name}" has not')

    def _check_text(self, field: str) -> None:
        text: str = getattr(self, field)
        if len(text) > _MOST_CHARS or not text.isprintable():
            _refuse(field, f"must be one line of at most {_MOST_CHARS} characters")
        numbered = self.metric or self.statistic == "late" or self.on == "silence"
        unknown = {"threshold"} if self.on == "silence" else set() if numbered else set(NUMBERS)
        try:
            check_text(text, tuple(name for name in KNOWN if name not in unknown))
        except ValueError as error:
            _refuse(field, str(error))


def _refuse(field: str, reason: str) -> None:
    msg = f"{field} {reason}"
    raise UsageError(msg)
