"""Exactly once, with the log as the only state: random logs, crashes, silences; each sample counts once in each window."""

import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.windows.processor import WindowsProcessor
from processors.windows.settings import WindowsSettings
from virtpulse.runtime.roles import Output
from virtpulse.transports.interface import Batch, Outgoing
from virtpulse.units import Duration

BASE = 1_795_417_000
SIZE, HOP, LATENESS = 10.0, 5.0, 5.0
SETTINGS = WindowsSettings(size=Duration(SIZE), hop=Duration(HOP), lateness=Duration(LATENESS), idle=Duration(3))


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return BASE + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Store:
    """What survives a crash: the topics, and the positions O and C. A stand-in for a transport: this test is about rules."""

    first_needed: int = 0
    following: int = 0
    sources: dict[str, bytes] = field(default_factory=dict)
    out: list[Outgoing] = field(default_factory=list)

    def commit(self, outputs: Iterable[Output], processor: WindowsProcessor, following: int) -> None:
        for output in outputs:
            for message in output.messages:
                if message.topic == "sources" and not message.value:
                    del self.sources[message.key]
                elif message.topic == "sources":
                    self.sources[message.key] = message.value
                else:
                    self.out.append(message)
        self.first_needed = processor.first_needed().get("samples", following)
        self.following = following


def as_batch(topic: str, start: int, values: list[bytes], keys: list[str] | None = None) -> Batch:
    count = len(values)
    return Batch(topic, 0, range(start, start + count), [BASE + 1e6] * count, keys or ["h"] * count, values)


def make_log(draw: random.Random) -> list[bytes]:
    """Every sample has a metric of its own, so that an aggregate tells which samples it counts."""
    now, log = 100.0, []
    skews = {f"s{n}": draw.choice([0, 0, 0, -40, -12, 7, 30, -500]) for n in range(draw.randint(1, 5))}
    for number in range(draw.randint(1, 250)):
        now += draw.choice([0, 0, 1, 1, 2, 3, 20]) if draw.random() < 0.1 else draw.choice([0, 0, 1])
        source = draw.choice(list(skews))
        time = BASE + 1000 + now + skews[source] + draw.choice([0, 0, 0, -1, -3, -8, -20, -60])
        facts = {"n": draw.choice(["a", "b"])}
        document = {"source": source, "time": time, "resources": {f"m.n{number}": [1, 2]}, "facts": facts}
        log.append(json.dumps(document).encode())
    return log


def with_deletions(log: list[bytes], draw: random.Random) -> list[bytes]:
    """Let sources end as deleted now and then; what comes of one afterwards is of later windows.

    The first one goes on, and says that it comes so rarely that its windows stay open when those of the others close by quiet.
    """
    newest: dict[str, float] = {}
    later: dict[str, float] = {}
    found: list[bytes] = []
    for number, value in enumerate(log):
        document = json.loads(value)
        source, time = document["source"], document["time"] + later.get(document["source"], 0.0)
        if source == "s0":
            found.append(json.dumps(document | {"due": 1_000.0}).encode())
            continue
        if draw.random() < 0.1 and source in newest:
            end = {"source": source, "time": newest[source], "ended": "deleted", "resources": {f"m.d{number}": [1, 2]}}
            found.append(json.dumps(end).encode())
            later[source] = later.get(source, 0.0) + 1_000.0
            time += 1_000.0
        newest[source] = max(time, newest.get(source, 0.0))
        found.append(json.dumps(document | {"time": time}).encode())
    return found


def run(log: list[bytes], draw: random.Random, crash: float) -> Store:
    store, clock = Store(), ManualClock()
    while True:
        processor = WindowsProcessor(SETTINGS, clock, 0)
        names = list(store.sources)
        processor.restore(as_batch("sources", 0, [store.sources[name] for name in names], names))
        processor.replay(as_batch("samples", store.first_needed, log[store.first_needed : store.following]))
        place = store.following
        while place < len(log):
            count = draw.choice([1, 1, 2, 7, 40])
            output = processor.process(as_batch("samples", place, log[place : place + count]))
            if draw.random() < crash:
                break
            place = min(place + count, len(log))
            store.commit([output], processor, place)
            clock.now += draw.choice([0.1, 0.1, 1, 30] if draw.random() < 0.3 else [0.1])
            tick = processor.tick()
            if draw.random() < crash:
                break
            store.commit([tick], processor, place)
        else:
            for output in processor.drain():
                if draw.random() < crash:
                    break
                store.commit([output], processor, place)
            else:
                return store


def windows_of(time: float) -> list[float]:
    first = math.floor((time - SIZE) / HOP)
    return [n * HOP for n in range(first, first + 5) if n * HOP <= time < n * HOP + SIZE]


CRASHES = st.sampled_from([0.0, 0.05, 0.3])


@given(seed=st.integers(0, 10**9), crash=CRASHES)
@settings(max_examples=120, deadline=None)
def test_every_sample_counts_once_in_each_of_its_windows(seed: int, crash: float) -> None:
    draw = random.Random(seed)
    log = make_log(draw)
    store = run(log, draw, crash)
    told, late = tell(store, log)
    assert told + sum(json.loads(value)["late"] for value in store.sources.values()) == late


@pytest.mark.slow
@given(seed=st.integers(0, 10**9), crash=CRASHES)
@settings(max_examples=120, deadline=None)
def test_a_source_that_is_deleted_and_comes_back_counts_once_too(seed: int, crash: float) -> None:
    draw = random.Random(seed)
    log = with_deletions(make_log(draw), draw)
    told, late = tell(run(log, draw, crash), log)
    assert told <= late


def tell(store: Store, log: list[bytes]) -> tuple[int, int]:
    """Hold what came out against the log; return how many late samples the aggregates tell of, and how many there are."""
    counted: Counter[tuple[str, float]] = Counter()
    emitted: Counter[tuple[str, float]] = Counter()
    told = late = 0
    for message in store.out:
        document = json.loads(message.value)
        if message.topic == "aggregates":
            emitted[document["source"], document["start"]] += 1
            told += document["late"]
            assert document["samples"] == len(document["resources"])
            counted.update((key, document["start"]) for key in document["resources"])
        else:
            assert message.topic == "late"
            late += 1
            counted.update((key, start) for key in document["resources"] for start, _ in document["missed"])
    due = Counter((next(iter(d["resources"])), start) for d in map(json.loads, log) for start in windows_of(d["time"]))
    assert counted == due
    assert set(emitted.values()) <= {1}
    return told, late


def test_a_restart_after_a_drain_emits_no_window_twice() -> None:
    clock, store = ManualClock(), Store()
    log = [json.dumps({"source": "a", "time": BASE + second}).encode() for second in range(20)]
    processor = WindowsProcessor(SETTINGS, clock, 0)
    store.commit([processor.process(as_batch("samples", 0, log))], processor, 20)
    for output in processor.drain():
        store.commit([output], processor, 20)
    again = WindowsProcessor(SETTINGS, clock, 0)
    again.restore(as_batch("sources", 0, list(store.sources.values()), list(store.sources)))
    output = again.process(as_batch("samples", 20, [json.dumps({"source": "a", "time": BASE + 5}).encode()]))
    assert [message.topic for message in output.messages] == ["late", "sources"]
    assert output.late == 1


def test_a_quiet_view_closes_its_windows_and_a_batching_one_is_left_alone() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    often = {"source": "often", "time": BASE + 1000.0, "interval": 1.0}
    rarely = {"source": "rarely", "time": BASE + 1000.0, "interval": 1.0, "due": 300.0}
    processor.process(as_batch("samples", 0, [json.dumps(one).encode() for one in (often, rarely)]))
    clock.now = 2.9
    assert not [message for message in processor.tick().messages if message.topic == "aggregates"]
    clock.now = 60.0
    closed = [json.loads(message.value) for message in processor.tick().messages if message.topic == "aggregates"]
    assert {(one["source"], one["start"]) for one in closed} == {("often", BASE + 995.0), ("often", BASE + 1000.0)}
    clock.now = 3 * 300.0 + 30.0
    closed = [json.loads(message.value) for message in processor.tick().messages if message.topic == "aggregates"]
    assert {one["source"] for one in closed} == {"rarely"}


def test_a_view_whose_event_time_stands_still_is_taken_for_quiet_after_a_while() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    for second in range(120):
        clock.now = float(second)
        stuck = {"source": "stuck", "time": BASE + 7.0, "resources": {"m.x": [second, 200]}}
        processor.process(as_batch("samples", second, [json.dumps(stuck).encode()]))
        closed = [m for m in processor.tick().messages if m.topic == "aggregates"]
        if closed:
            break
    assert 60 <= clock.now <= 90
    assert [json.loads(message.value)["start"] for message in closed] == [BASE, BASE + 5.0]


def test_a_clock_that_jumps_makes_nobody_forgotten() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    batch = Batch("samples", 0, range(1), [BASE], ["a"], [json.dumps({"source": "a", "time": BASE}).encode()])
    processor.process(batch)
    clock.now = 60.0
    processor.tick()
    jumped = ManualClock()
    jumped.now = 120.0
    jumped.time = lambda: BASE + 30 * 86_400.0  # type: ignore[method-assign] # this one clock has jumped
    processor._clock = jumped
    assert all(message.value for message in processor.tick().messages)


def test_a_source_is_forgotten_after_its_time_and_its_record_removed() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    value = json.dumps({"source": "a", "view": "probes", "time": BASE + 1.0, "ended": "shutdown"}).encode()
    batch = Batch("samples", 0, range(1), [BASE + 1.0], ["a"], [value])
    record = json.loads(next(m.value for m in processor.process(batch).messages if m.topic == "sources"))
    assert record["ended"] == "shutdown"
    clock.now = 100.0
    processor.tick()
    clock.now = float(SETTINGS.forget) + 200.0
    removed = [message for message in processor.tick().messages if message.topic == "sources"]
    assert [(message.key, message.value) for message in removed] == [("a probes", b"")]


def test_a_record_is_written_anew_when_the_interval_or_due_is_another_but_not_for_jitter() -> None:
    clock, store = ManualClock(), Store()
    processor = WindowsProcessor(SETTINGS, clock, 0)

    def spans_written(second: int, **spans: float) -> list[tuple[float | None, float | None]]:
        sample = {"source": "a", "time": BASE + second, **spans}
        output = processor.process(as_batch("samples", second, [json.dumps(sample).encode()]))
        store.commit([output], processor, second + 1)
        records = [json.loads(message.value) for message in output.messages if message.topic == "sources"]
        return [(record.get("interval"), record.get("due")) for record in records]

    assert spans_written(1, interval=10.0) == [(10.0, None)]
    assert spans_written(2, interval=12.0) == []
    assert spans_written(3, interval=8.0) == []
    assert spans_written(4, interval=13.0) == [(13.0, None)]
    assert spans_written(5, interval=13.0) == []
    assert spans_written(6, interval=13.0, due=60.0) == [(13.0, 60.0)]
    assert spans_written(7, interval=13.0, due=70.0) == []
    assert spans_written(8, interval=13.0, due=80.0) == [(13.0, 80.0)]
    processor = WindowsProcessor(SETTINGS, clock, 0)
    processor.restore(as_batch("sources", 0, list(store.sources.values()), list(store.sources)))
    assert spans_written(9, interval=13.0, due=90.0) == []
    assert spans_written(10, interval=13.0) == [(13.0, None)]
    assert spans_written(11) == [(None, None)]


def test_an_interval_that_drifts_slowly_is_written_once_it_is_another() -> None:
    processor = WindowsProcessor(SETTINGS, ManualClock(), 0)
    written = []
    for number in range(20):
        sample = {"source": "a", "time": BASE + number, "interval": 10.0 * 1.05**number}
        output = processor.process(as_batch("samples", number, [json.dumps(sample).encode()]))
        written += [number for message in output.messages if message.topic == "sources"]
    assert written == [0, 5, 10, 15]


def removed_by_a_tick(processor: WindowsProcessor) -> list[str]:
    return [message.key for message in processor.tick().messages if message.topic == "sources" and not message.value]


def test_a_deleted_source_leaves_the_inventory_once_its_windows_are_closed() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    documents = [{"source": source, "time": BASE + 1.0, "ended": why} for source, why in (("a", "deleted"), ("b", "stopped"))]
    processor.process(as_batch("samples", 0, [json.dumps(one).encode() for one in documents]))
    assert removed_by_a_tick(processor) == []
    clock.now = 100.0
    assert removed_by_a_tick(processor) == ["a"]
    assert removed_by_a_tick(processor) == []


def test_a_deleted_source_stays_while_a_replay_would_see_its_samples() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    rarely = {"source": "rarely", "time": BASE + 1.0, "due": 300.0}
    gone = {"source": "gone", "time": BASE + 1.0, "ended": "deleted"}
    processor.process(as_batch("samples", 0, [json.dumps(one).encode() for one in (rarely, gone)]))
    clock.now = 100.0
    assert removed_by_a_tick(processor) == []
    assert processor.first_needed() == {"samples": 0}
    processor.process(as_batch("samples", 2, [json.dumps(rarely | {"time": BASE + 300.0}).encode()]))
    assert removed_by_a_tick(processor) == ["gone"]


def test_a_deleted_source_leaves_the_inventory_after_a_restart_too_unless_it_is_back() -> None:
    record = {"first": BASE, "last": BASE, "time": BASE + 1.0, "ended": "deleted"}
    names = ["a", "b"]
    processor = WindowsProcessor(SETTINGS, ManualClock(), 0)
    processor.restore(as_batch("sources", 0, [json.dumps({"source": name} | record).encode() for name in names], names))
    processor.process(as_batch("samples", 7, [json.dumps({"source": "b", "time": BASE + 50.0}).encode()]))
    assert removed_by_a_tick(processor) == ["a"]


def test_a_new_source_is_not_taken_for_the_deleted_one_whose_number_it_has() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    old = {"source": "old", "time": BASE + 1.0, "ended": "deleted"}
    processor.process(as_batch("samples", 0, [json.dumps(old).encode()]))
    clock.now = 20.0
    slow = {"source": "slow", "time": BASE + 1.0}
    processor.process(as_batch("samples", 1, [json.dumps(slow).encode()]))
    assert removed_by_a_tick(processor) == ["old"]
    new = [{"source": "new", "time": BASE + 2.0}, old | {"source": "new"}]
    processor.process(as_batch("samples", 2, [json.dumps(one).encode() for one in new]))
    told = [json.loads(message.value) for output in processor.drain() for message in output.messages]
    assert [one["repeated"] for one in told if one["source"] == "new" and "start" in one] == [0, 0]  # of two windows


def test_many_sources_are_forgotten_in_steps_of_bounded_size() -> None:
    clock = ManualClock()
    processor = WindowsProcessor(SETTINGS, clock, 0)
    values = [json.dumps({"source": f"s{number}", "time": BASE + 1.0}).encode() for number in range(4_500)]
    processor.process(Batch("samples", 0, range(4_500), [BASE + 1.0] * 4_500, ["s"] * 4_500, values))
    for _ in processor.drain():
        pass
    clock.now = float(SETTINGS.forget) + 200.0
    steps = [sum(not message.value for message in processor.tick().messages) for _ in range(4)]
    assert steps == [2_000, 2_000, 500, 0]


def test_the_newest_event_time_of_a_source_is_known_after_a_restart() -> None:
    clock = ManualClock()
    first = WindowsProcessor(SETTINGS, clock, 0)
    first.process(as_batch("samples", 0, [b'{"source":"a","time":1795417001}']))
    told = [m for output in first.drain() for m in output.messages if m.topic == "sources"]
    assert json.loads(told[-1].value)["closed_until"] == BASE + 10.0
    second = WindowsProcessor(SETTINGS, clock, 0)
    second.restore(as_batch("sources", 0, [told[-1].value], ["a"]))
    clock.now = float(SETTINGS.forget) / 2  # when the record is written again
    (again,) = [json.loads(message.value) for message in second.tick().messages]
    assert again["time"] == BASE + 1.0


def test_whatever_a_late_sample_holds_can_be_told() -> None:
    processor = WindowsProcessor(SETTINGS, ManualClock(), 0)
    new = json.dumps({"source": "a", "time": BASE + 1000.0}).encode()
    deep = "[" * 99 + "]" * 99
    old = f'{{"source":"a","time":{BASE},"u":{deep},"v":{"9" * 300},"missed":[1],"\\u0077":"\\ud83d\\ude00"}}'.encode()
    (late,) = [m for m in processor.process(as_batch("samples", 0, [new, old])).messages if m.topic == "late"]
    assert json.loads(late.value)["missed"] == [[BASE - 5.0, BASE + 5.0], [BASE, BASE + 10.0]]


def test_a_later_sample_takes_an_end_back() -> None:
    processor = WindowsProcessor(SETTINGS, ManualClock(), 0)
    ended = json.dumps({"source": "a", "time": BASE + 1.0, "ended": "migrated"}).encode()
    back = json.dumps({"source": "a", "time": BASE + 2.0}).encode()
    processor.process(as_batch("samples", 0, [ended]))
    records = [json.loads(m.value) for m in processor.process(as_batch("samples", 1, [back])).messages if m.topic == "sources"]
    assert [record.get("ended") for record in records] == [None]
