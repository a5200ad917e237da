"""The window engine against a sort-and-group oracle that follows the design word by word."""

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.windows.engine import Engine, Outcome
from processors.windows.settings import WindowsSettings
from virtpulse.messages.aggregate import Aggregate
from virtpulse.transports.interface import Batch
from virtpulse.units import Duration

BASE = 1_795_417_000
Document = dict[str, Any]
FAMILIES = ("resources", "performance", "faults", "timings")


@dataclass
class Window:
    """What the oracle keeps of a window: the documents that count in it."""

    documents: list[Document] = field(default_factory=list)
    repeated: int = 0


class Oracle:
    """One document after the other, one view after the other, nothing vectorised."""

    def __init__(self, size: float, hop: float, lateness: float) -> None:
        self.size, self.hop, self.lateness = size, hop, lateness
        self.newest: dict[Any, float] = defaultdict(lambda: -math.inf)
        self.pending: dict[Any, int] = defaultdict(int)
        self.open: dict[Any, dict[tuple[float, float], Window]] = defaultdict(dict)
        self.aggregates: list[Document] = []
        self.late: list[tuple[Document, list[list[float]]]] = []

    def windows(self, time: float) -> list[tuple[float, float]]:
        """Return start and end of the windows that hold `time`, worked out without rounding."""
        size, hop = Fraction(str(self.size)), Fraction(str(self.hop))
        first = math.floor((Fraction(time) - size) / hop) - 1
        spans = [(float(n * hop), float(n * hop + size)) for n in range(first, first + 5 + math.ceil(size / hop))]
        return [(start, end) for start, end in spans if start <= time < end]

    def take(self, document: Document) -> None:
        view = (document["source"], document.get("view", ""))
        mark = self.newest[view] - self.lateness
        windows = self.windows(document["time"])
        open_now = [window for window in windows if window[1] > mark]
        if any(document in self.open[view].get(window, Window()).documents for window in open_now):
            for window in open_now:
                self.open[view][window].repeated += 1
        else:
            for window in open_now:
                self.open[view].setdefault(window, Window()).documents.append(document)
            missed = [list(window) for window in windows if window not in open_now]
            if missed:
                self.late.append((document, missed))
                self.pending[view] += 1
        self.newest[view] = max(self.newest[view], document["time"])
        self.close(view, self.newest[view] - self.lateness)

    def close(self, view: Any, mark: float) -> None:  # noqa: ANN401 - a tuple of two names
        for span in sorted(self.open[view]):
            if span[1] <= mark:
                self.aggregates.append(self.aggregate(view, span, self.open[view].pop(span)))

    def finish(self) -> None:
        for span, view in sorted((span, view) for view, windows in self.open.items() for span in windows):
            self.aggregates.append(self.aggregate(view, span, self.open[view].pop(span)))

    def aggregate(self, view: Any, span: tuple[float, float], window: Window) -> Document:  # noqa: ANN401 - a tuple of two names
        facts: Document = {}
        for document in window.documents:
            facts |= document.get("facts", {})
        late, self.pending[view] = self.pending[view], 0
        found: Document = {"source": view[0], **({"view": view[1]} if view[1] else {}), "start": span[0], "end": span[1]}
        found |= {"samples": len(window.documents), "late": late, "repeated": window.repeated, "facts": facts}
        for family in FAMILIES:
            keys = {key for document in window.documents for key in document.get(family, {})}
            found[family] = {
                key: self.cell(family, [d[family][key] for d in window.documents if key in d.get(family, {})]) for key in keys
            }
        return found

    def cell(self, family: str, pairs: list[list[float]]) -> Document:
        factor = 1 if family == "timings" else 100
        part, whole = sum(p for p, _ in pairs), sum(w for _, w in pairs)
        shares = [factor * p / w for p, w in pairs if w > 0]
        known = whole > 0 and not any(p > 0 and w == 0 for p, w in pairs)
        names = ("seconds", "operations", "mean") if family == "timings" else ("part", "whole", "ratio")
        numbers = (part, whole, factor * part / whole if known else None)
        shares_of = (min(shares), max(shares), shares[-1]) if shares else (None, None, None)
        return dict(zip((*names, "min", "max", "last", "count"), (*numbers, *shares_of, len(pairs)), strict=True))


def make_log(seed: int, length: int) -> list[Document]:
    """Out of order, repeated, late, several views, skewed clocks, batching senders, unknown wholes, changing metrics."""
    draw = random.Random(seed)
    views = [(f"h{n % 3}/g{n}" if n else "h0", draw.choice(["", "", "probes"])) for n in range(draw.randint(1, 6))]
    skew = {view: draw.choice([0, 0, 0, -40, 7, -3600, 30]) for view in views}
    now, log = float(BASE), []
    for number in range(length):
        now += draw.choice([0, 0.25, 0.5, 1, 1, 2] if draw.random() < 0.97 else [20, 45])
        view = draw.choice(views)
        time = now + skew[view] + draw.choice([0, 0, 0, 0, -1, -2.5, -8, -20, -60])
        document: Document = {"source": view[0], "time": time, **({"view": view[1]} if view[1] else {}), "interval": 1.0}
        for family in FAMILIES:
            if draw.random() < 0.8:
                document[family] = {
                    f"m.{family[0]}{k}@d": [round(draw.random() * 50, 3), draw.choice([0, 4, 60.5, 100])]
                    for k in range(draw.randint(0, 4))
                }
        if draw.random() < 0.4:
            document["facts"] = {"vm.state": draw.choice(["running", "paused"]), **({"n": number} if draw.random() < 0.2 else {})}
        log.append(document)
        if draw.random() < 0.1:
            log.append(draw.choice(log[-8:]))
    return log


def make_uniform_log(seed: int, length: int) -> list[Document]:
    """Samples of the same metrics, now and then in another order or with a field more, as one kind of machine sends them."""
    draw = random.Random(seed)
    keys = {family: [f"m.{family[0]}{place}@d" for place in range(draw.randint(0, 3))] for family in FAMILIES}
    log: list[Document] = []
    for number in range(length):
        document: Document = {"source": f"h0/g{number % 3}", "time": BASE + number / 3 + draw.choice([0, 0, -4, -30])}
        for family in FAMILIES if draw.random() < 0.95 else reversed(FAMILIES):
            if keys[family]:
                order = keys[family] if draw.random() < 0.95 else keys[family][::-1]
                document[family] = {key: [round(draw.random() * 50, 3), draw.choice([0, 4, 60.5])] for key in order}
        if draw.random() < 0.05:
            document |= draw.choice([{"facts": {"a": "b"}}, {"due": 5.0}, {"new": [1, {"x": ":"}]}, {"timings": {}}])
        log.append(document)
        if draw.random() < 0.1:
            log.append(draw.choice(log[-8:]))
    return log


def batches(log: list[Document], size: int, *, arrays: bool = False) -> Iterator[Batch]:
    values = [json.dumps(document).encode() for document in log]
    if arrays:
        values = [b"[" + value + b"]" for value in values]
    for start in range(0, len(values), size):
        part = values[start : start + size]
        yield Batch("samples", 0, range(start, start + len(part)), [BASE + 1e6] * len(part), ["k"] * len(part), part)


def run(log: list[Document], options: WindowsSettings, size: int, *, arrays: bool = False) -> Outcome:
    engine, everything = Engine(options, 0), Outcome()
    for batch in batches(log, size, arrays=arrays):
        outcome = engine.take(batch, 0.0, 0.0)
        everything.aggregates += outcome.aggregates
        everything.late += outcome.late
        everything.refusals += outcome.refusals
    for messages in engine.close_all(3):
        everything.aggregates += messages
    assert engine.first_needed() is None
    return everything


def assert_same(found: Document, wanted: Document) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if name not in FAMILIES:
            assert found[name] == value, name
            continue
        assert found[name].keys() == value.keys()
        for key, cell in value.items():
            for what, number in cell.items():
                got = found[name][key][what]
                assert (got is None) == (number is None), (key, what, got, number)
                assert number is None or got == pytest.approx(number, rel=1e-9, abs=1e-300), (key, what)


SHAPES = [(10, 10, 2), (10, 5, 2), (10, 3, 0), (2, 2, 5), (1.5, 0.5, 1), (0.1, 0.1, 0.3), (0.3, 0.1, 0), (1.001, 1.001, 1)]


@given(
    seed=st.integers(0, 10**9),
    length=st.integers(1, 250),
    shape=st.sampled_from(SHAPES),
    make=st.sampled_from([make_log, make_uniform_log]),
)
@settings(max_examples=60, deadline=None)
def test_windows_equal_those_of_the_oracle(
    seed: int, length: int, shape: tuple[float, float, float], make: Callable[[int, int], list[Document]]
) -> None:
    size, hop, lateness = shape
    log = make(seed, length)
    oracle = Oracle(size, hop, lateness)
    for document in log:
        oracle.take(document)
    oracle.finish()
    options = WindowsSettings(size=Duration(size), hop=Duration(hop), lateness=Duration(lateness))
    found = run(log, options, 64)
    assert not found.refusals
    assert [(json.loads(late.document), [list(window) for window in late.missed]) for late in found.late] == oracle.late
    aggregates = [json.loads(message.value) for message in found.aggregates]
    assert len(aggregates) == len(oracle.aggregates)
    for one, other in zip(aggregates, oracle.aggregates, strict=True):
        assert_same(one, other)


@pytest.mark.slow
@given(
    seed=st.integers(0, 10**9),
    length=st.integers(1, 250),
    shape=st.sampled_from(SHAPES),
    make=st.sampled_from([make_log, make_uniform_log]),
)
@settings(max_examples=40, deadline=None)
def test_how_messages_are_cut_into_batches_never_shows(
    seed: int, length: int, shape: tuple[float, float, float], make: Callable[[int, int], list[Document]]
) -> None:
    size, hop, lateness = shape
    log = make(seed, length)
    options = WindowsSettings(size=Duration(size), hop=Duration(hop), lateness=Duration(lateness))
    whole = run(log, options, 5_000)
    for batch, arrays in ((1, False), (7, False), (7, True)):
        cut = run(log, options, batch, arrays=arrays)
        assert [message.value for message in cut.aggregates] == [message.value for message in whole.aggregates]
        assert [(late.document, late.missed) for late in cut.late] == [(late.document, late.missed) for late in whole.late]


@given(seed=st.integers(0, 10**9), length=st.integers(1, 150), shape=st.sampled_from(SHAPES), pairs=st.sampled_from([1, 5, 40]))
@settings(max_examples=20, deadline=None)
def test_how_a_step_is_cut_into_parts_never_shows(seed: int, length: int, shape: tuple[float, float, float], pairs: int) -> None:
    size, hop, lateness = shape
    options = WindowsSettings(size=Duration(size), hop=Duration(hop), lateness=Duration(lateness))
    (batch,) = batches(make_log(seed, length), 5_000)
    whole, cut = Engine(options, 0), Engine(options, 0)
    cut._most_pairs = pairs
    assert cut.take(batch, 0.0, BASE) == whole.take(batch, 0.0, BASE)
    assert list(cut.close_all(100)) == list(whole.close_all(100))
    assert cut.first_needed() == whole.first_needed()


@given(seed=st.integers(0, 10**9), length=st.integers(1, 150), shape=st.sampled_from(SHAPES), room=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_how_messages_are_cut_never_shows_where_windows_are_full(
    seed: int, length: int, shape: tuple[float, float, float], room: int
) -> None:
    size, hop, lateness = shape
    log = make_log(seed, length)
    options = WindowsSettings(size=Duration(size), hop=Duration(hop), lateness=Duration(lateness))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.windows.counting.MAX_WINDOW_METRICS", room)
        one_by_one, *cut = [run(log, options, batch) for batch in (1, 7, 5_000)]
    for other in cut:
        assert [message.value for message in other.aggregates] == [message.value for message in one_by_one.aggregates]
        assert [refusal.document for refusal in other.refusals] == [refusal.document for refusal in one_by_one.refusals]


@pytest.mark.parametrize("families", [(), ("timings",), ("resources", "faults"), FAMILIES])
def test_names_that_json_escapes_and_maps_that_are_empty_come_out_as_they_came_in(families: tuple[str, ...]) -> None:
    keys = ['m.x@"', "m.x@\\", "m.x@é", "m.x@b:c,}", "m.x"]
    document: Document = {"source": "a/b:c", "view": "probes", "time": BASE, "facts": {'"': "\u2028", "n": 2}}
    document |= {family: {key: [1, 2] for key in keys} for family in families}
    (aggregate,) = run([document], WindowsSettings(), 1).aggregates
    found = json.loads(aggregate.value)
    assert [list(found[family]) for family in FAMILIES] == [sorted(keys) if family in families else [] for family in FAMILIES]
    assert (found["source"], found["view"], found["facts"]) == ("a/b:c", "probes", document["facts"])
    msgspec.json.decode(aggregate.value, type=Aggregate)
