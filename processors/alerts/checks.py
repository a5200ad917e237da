"""Rules compiled: which of them judge a metric is looked up once for each key, so that an aggregate costs what matches it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, TypeVar

from processors.alerts.life import Course
from processors.alerts.rule import Rule, While
from virtpulse.catalogue import split_key
from virtpulse.globs import is_like
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.messages.bounds import MAX_AMOUNT
from virtpulse.messages.sample import Fact, Pair

Cells = Mapping[str, Ratio] | Mapping[str, Timing]
Value = Callable[[Any], float | None]
T = TypeVar("T")


class Statistics(NamedTuple):
    """How a statistic is taken of a cell, by its name; `usual` is the one that a rule means if it does not say."""

    usual: str
    values: Mapping[str, Value]


class Kind(NamedTuple):
    """The statistics of one kind of document: of its ratios, and of its timings."""

    ratios: Statistics
    timings: Statistics


def _percent(pair: Pair) -> float | None:
    return 100.0 * pair[0] / pair[1] if pair[1] else None


def _mean(pair: Pair) -> float | None:
    return pair[0] / pair[1] if pair[1] else None


_MOST_KEYS: Final = 100_000  # whoever makes keys up must not fill the memory
_RATIO: Final = Statistics(
    "ratio", {name: attrgetter(name) for name in ("ratio", "part", "whole", "min", "max", "last", "count")}
)
_TIMING: Final = Statistics(
    "mean",
    {
        **{name: attrgetter(name) for name in ("mean", "min", "max", "last", "count")},
        "part": attrgetter("seconds"),
        "whole": attrgetter("operations"),
    },
)
_AMOUNTS: Final = {"part": itemgetter(0), "whole": itemgetter(1)}
AGGREGATE: Final = Kind(_RATIO, _TIMING)
SAMPLE: Final = Kind(Statistics("ratio", {"ratio": _percent, **_AMOUNTS}), Statistics("mean", {"mean": _mean, **_AMOUNTS}))


class Check:
    """A rule applied to one metric key.

    value: gives what is compared of a cell, None where it has no value. unless: the key without device whose presence makes
    the rule leave this one alone, empty if there is none. rising: whether values above the limit are the bad ones.
    """

    __slots__ = ("key", "limit", "rising", "rule", "unless", "value")

    def __init__(self, rule: Rule, key: str, value: Value, unless: str) -> None:
        self.rule = rule
        self.key = key
        self.value = value
        self.unless = unless
        self.rising = rule.above is not None
        self.limit = rule.threshold or 0.0


class Checks:
    """All rules that judge metrics of one kind of document, by metric key."""

    def __init__(self, kind: Kind, rules: Iterable[Rule]) -> None:
        self._kind = kind
        self._exact: dict[str, list[Rule]] = {}
        self._globs: list[Rule] = []
        for rule in rules:
            if any(char in rule.metric for char in "*?"):
                self._globs.append(rule)
            else:
                self._exact.setdefault(rule.metric, []).append(rule)
        self._named: dict[str, Sequence[Rule]] = {}
        self._ratios: dict[str, Sequence[Check]] = {}
        self._timings: dict[str, Sequence[Check]] = {}

    def __bool__(self) -> bool:
        """Return whether there is any rule."""
        return bool(self._exact or self._globs)

    def of_ratio(self, key: str) -> Sequence[Check]:
        """Return the checks of a metric that is a part of a whole."""
        found = self._ratios.get(key)
        return self._compile(key, self._ratios, self._kind.ratios) if found is None else found

    def of_timing(self, key: str) -> Sequence[Check]:
        """Return the checks of a timing."""
        found = self._timings.get(key)
        return self._compile(key, self._timings, self._kind.timings) if found is None else found

    def _compile(self, key: str, compiled: dict[str, Sequence[Check]], statistics: Statistics) -> Sequence[Check]:
        name, device = split_key(key)
        checks = []
        for rule in self._rules_on(name):
            value = statistics.values.get(rule.statistic or statistics.usual)
            if value is None or (rule.device and not (device and is_like(device, rule.device))):
                continue
            checks.append(Check(rule, key, value, name if device and not rule.device else ""))
        return _keep(compiled, key, checks)

    def _rules_on(self, name: str) -> Sequence[Rule]:
        """Return the rules on a metric; each glob is tried once for a name, however many devices there are."""
        found = self._named.get(name)
        if found is not None:
            return found
        globs = [rule for rule in self._globs if is_like(name, rule.metric)]
        return _keep(self._named, name, [*self._exact.get(name, ()), *globs])


def _keep(kept: dict[str, Sequence[T]], key: str, found: Sequence[T]) -> Sequence[T]:
    if len(kept) >= _MOST_KEYS:
        kept.clear()
    kept[key] = found or ()
    return found


def usable(value: float | None) -> float | None:
    """Return a value that can be compared, written and read again; None for one that is none, or beyond every bound."""
    return float(value) if value is not None and -MAX_AMOUNT <= value <= MAX_AMOUNT else None


def beyond(rule: Rule, value: float, course: Course | None = None) -> bool:
    """Return whether a value is beyond the threshold of a rule; of an alert that fires, beyond where it clears."""
    clears = rule.clear if course is not None and course.fired is not None else None
    if rule.above is not None:
        return value > (rule.above if clears is None else clears)
    return rule.below is not None and value < (rule.below if clears is None else clears)


def facts_hold(rule: Rule, facts: Mapping[str, Fact]) -> bool | None:
    """Return whether the facts are what the rule asks for; None where they do not say all of them."""
    if not rule.facts.keys() <= facts.keys():
        return None
    return all(_fact_holds(wanted, facts[name]) for name, wanted in rule.facts.items())


def while_holds(second: While, check: Check, aggregate: Aggregate) -> bool:
    """Return whether the second condition of a rule holds in the aggregate; what has no value does not hold."""
    return any(_beyond(second, value) for value in _values(second, check, aggregate))


def _fact_holds(wanted: Fact, found: Fact) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return is_like(found, wanted)
    return wanted == found and isinstance(wanted, bool) is isinstance(found, bool)


def _beyond(second: While, value: float | None) -> bool:
    if value is None:
        return False
    return value > second.above if second.above is not None else second.below is not None and value < second.below


def _values(second: While, check: Check, aggregate: Aggregate) -> Iterable[float | None]:
    """Yield what the second condition looks at: that of the judged device, else that without one, else that of any."""
    name, device = split_key(check.key)
    name = second.metric or name
    for cells, statistics in _maps(aggregate):
        value = statistics.values.get(second.statistic or statistics.usual)
        if value is None:
            continue
        for key in (f"{name}@{second.device or device}", name):
            if key in cells:
                yield value(cells[key])
                return
        if not second.device:
            yield from (value(cell) for key, cell in cells.items() if key.startswith(f"{name}@"))


def _maps(aggregate: Aggregate) -> Iterable[tuple[Cells, Statistics]]:
    for cells in (aggregate.resources, aggregate.performance, aggregate.faults):
        yield cells, _RATIO
    yield aggregate.timings, _TIMING


def judges(rule: Rule, source: str, key: str) -> bool:
    """Return whether the rule judges this metric of this source, its conditions aside."""
    if not is_like(source, rule.source) or bool(key) is not bool(rule.metric):
        return False
    name, device = split_key(key)
    return not key or (is_like(name, rule.metric) and (not rule.device or bool(device and is_like(device, rule.device))))
