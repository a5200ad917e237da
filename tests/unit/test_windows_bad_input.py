"""What is wrong goes to the dead letters with its field; what is right beside it counts; both by the same rules."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.windows.engine import Engine, Outcome
from processors.windows.settings import WindowsSettings
from virtpulse.errors import InvalidError
from virtpulse.messages.reading import documents, read_sample
from virtpulse.transports.interface import Batch
from virtpulse.units import Duration

NOW = 1_795_417_000.0
GOOD = b'{"source":"good","time":1795417000,"resources":{"m.x":[1,2]}}'


def take(engine: Engine, *values: bytes) -> Outcome:
    count = len(values)
    return engine.take(Batch("samples", 0, range(count), [NOW] * count, ["k"] * count, values), 0.0, NOW)


def test_a_step_ends_after_many_documents_and_the_rest_is_left_for_the_next() -> None:
    engine, rubbish = Engine(WindowsSettings(), 0), b"[" + b",".join([b"1"] * 10_000) + b"]"
    outcome = take(engine, GOOD, rubbish, rubbish, GOOD, rubbish)
    assert (outcome.taken, len(outcome.refusals)) == (3, 20_000)
    assert take(engine, GOOD, rubbish).taken == 2


def test_an_array_of_too_many_documents_is_one_dead_letter() -> None:
    outcome = take(Engine(WindowsSettings(), 0), b"[" + b",".join([b"1"] * 10_001) + b"]")
    assert [refusal.error.field for refusal in outcome.refusals] == ["message"]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**20, 10**300])
def test_a_fact_beyond_what_json_readers_keep_is_refused(number: int) -> None:
    (refusal,) = take(Engine(WindowsSettings(), 0), body(f'"facts":{{"a":{number}}}')).refusals
    assert refusal.error.field == "facts.a"


def test_facts_that_hash_alike_are_told_apart() -> None:
    engine = Engine(WindowsSettings(), 0)
    take(engine, body('"facts":{"a":-1}'), body('"facts":{"a":-2}'))
    (aggregate,) = closed(engine)
    assert (aggregate["samples"], aggregate["facts"]) == (2, {"a": -2})


def test_the_newest_facts_are_kept_when_they_become_too_many() -> None:
    engine = Engine(WindowsSettings(), 0)
    many = ",".join(f'"a{n}":1' for n in range(100))
    take(engine, body(f'"facts":{{{many}}}'), body('"facts":{"a0":7,"b":2}'))
    (aggregate,) = closed(engine)
    assert len(aggregate["facts"]) == 100
    assert (aggregate["facts"]["a0"], aggregate["facts"]["b"]) == (7, 2)


def closed(engine: Engine) -> list[dict[str, Any]]:
    return [json.loads(message.value) for messages in engine.close_all(100) for message in messages]


def body(inner: str) -> bytes:
    return f'{{"source":"a","time":1795417000,{inner}}}'.encode()


BAD = {
    "not JSON": (b"hello", "message"),
    "empty": (b"", "message"),
    "a number": (b"5", "message"),
    "null": (b"null", "message"),
    "array 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, "message"),
    "object 100,000 deep in an unknown field": (body('"u":' + '{"a":' * 100_000 + "1" + "}" * 100_000), "message"),
    "an unknown field 101 deep": (body('"u":' + "[" * 100 + "]" * 100), "message"),
    "an unknown field beyond all numbers": (body('"u":1e999'), "message"),
    "a fact above 2^53 by one": (body('"facts":{"x":9007199254740993}'), "facts.x"),
    "two MiB": (b'{"source":"a","time":1,"u":"' + b"x" * (2 << 20) + b'"}', "message"),
    "two MiB of spaces": (b'{"source":"a",' + b" " * (2 << 20) + b'"time":1795417000}', "message"),
    "a number of two MiB": (body('"interval":1.' + "0" * (2 << 20)), "message"),
    "invalid UTF-8 in an unknown field": (b'{"source":"a","time":1795417000,"u":"\xff"}', "message"),
    "no source": (b'{"time":1795417000}', "source"),
    "source above": (b'{"source":"../x","time":1795417000}', "source"),
    "source with a newline": (b'{"source":"a\\nb","time":1795417000}', "source"),
    "source with a wildcard": (b'{"source":"a/#","time":1795417000}', "source"),
    "source with a plus": (b'{"source":"a+","time":1795417000}', "source"),
    "source of 10,000 characters": (b'{"source":"' + b"a" * 10_000 + b'","time":1795417000}', "source"),
    "source of 9 segments": (b'{"source":"' + b"/".join([b"a"] * 9) + b'","time":1795417000}', "source"),
    "no time": (b'{"source":"a"}', "time"),
    "time as text": (b'{"source":"a","time":"yesterday"}', "time"),
    "time NaN": (b'{"source":"a","time":NaN}', "time"),
    "time 1e300": (b'{"source":"a","time":1e300}', "time"),
    "time 1e999": (b'{"source":"a","time":1e999}', "time"),
    "negative time": (b'{"source":"a","time":-1}', "time"),
    "a day ahead": (b'{"source":"a","time":1795503400}', "time"),
    "time true": (b'{"source":"a","time":true}', "time"),
    "pair of three": (body('"resources":{"m.x":[1,2,3]}'), "resources.m.x"),
    "pairs of one and three": (body('"resources":{"m.x":[1],"m.y":[1,2,3]}'), "resources.m.x"),
    "pair of text": (body('"performance":{"m.x":["1",2]}'), "performance.m.x"),
    "pair of null": (body('"faults":{"m.x":[null,2]}'), "faults.m.x"),
    "pair of true": (body('"faults":{"m.x":[true,2]}'), "faults.m.x"),
    "pair of infinity": (body('"timings":{"m.x":[Infinity,2]}'), "timings.m.x"),
    "pair of 1e999": (body('"timings":{"m.x":[1e999,2]}'), "timings.m.x"),
    "negative part": (body('"resources":{"m.x":[-1,2]}'), "resources.m.x"),
    "negative whole": (body('"resources":{"m.y":[1,2],"m.x":[1,-2]}'), "resources.m.x"),
    "pair of 1e308": (body('"resources":{"m.x":[1e308,2]}'), "resources.m.x"),
    "map that is a list": (body('"resources":[1]'), "resources"),
    "map that is null": (body('"resources":null'), "resources"),
    "key with a space": (body('"resources":{"m x":[1,2]}'), "resources.m x"),
    "key with a control character": (body('"resources":{"m\\u0001x":[1,2]}'), "resources.m\\x01x"),
    "device with a newline": (body('"resources":{"m.x@a\\nb":[1,2]}'), "resources.m.x@a\\nb"),
    "key too long": (body('"resources":{"' + "m" * 201 + '":[1,2]}'), "resources." + "m" * 57 + "..."),
    "100,000 metrics": (body('"resources":{' + ",".join(f'"m{n}":[1,2]' for n in range(50_000)) + "}"), "resources"),
    "2,001 metrics": (body('"resources":{' + ",".join(f'"m{n}":[1,2]' for n in range(2_001)) + "}"), "resources"),
    "a name twice": (b'{"source":"a","time":1795417000,"time":1795417000}', "time"),
    "a name twice, once in escapes": (b'{"source":"a","time":1795417000,"tim\\u0065":1795417000}', "time"),
    "a metric twice": (body('"resources":{"m.x":[1,2],"m.x":[1,2]}'), "resources.m.x"),
    "a fact twice": (body('"facts":{"x":"1","x":"2"}'), "facts.x"),
    "a fact that is a list": (body('"facts":{"x":[]}'), "facts.x"),
    "a fact too long": (body('"facts":{"x":"' + "x" * 1_001 + '"}'), "facts.x"),
    "facts that are null": (body('"facts":null'), "facts"),
    "invalid UTF-8 in a fact": (b'{"source":"a","time":1795417000,"facts":{"x":"\xff"}}', "message"),
    "101 facts": (body('"facts":{' + ",".join(f'"f{n}":1' for n in range(101)) + "}"), "facts"),
    "an empty view": (body('"view":""'), "view"),
    "a view that is null": (body('"view":null'), "view"),
    "a view of two words": (body('"view":"a b"'), "view"),
    "interval zero": (body('"interval":0'), "interval"),
    "due negative": (body('"due":-1'), "due"),
    "an end that is null": (body('"ended":null'), "ended"),
    "an unknown end": (body('"ended":"exploded"'), "ended"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_names_its_field_and_costs_nothing_else(name: str) -> None:
    value, field = BAD[name]
    engine = Engine(WindowsSettings(), 0)
    outcome = take(engine, *[GOOD] * 30, value, GOOD.replace(b"[1,2]", b"[2,2]"))
    assert [refusal.error.field for refusal in outcome.refusals] == [field]
    assert outcome.refusals[0].message == 30
    (aggregate,) = closed(engine)
    assert aggregate["source"] == "good"
    assert aggregate["resources"]["m.x"]["part"] == 3.0


def test_the_reason_says_what_was_found_and_what_is_allowed() -> None:
    (refusal,) = take(Engine(WindowsSettings(), 0), BAD["time as text"][0]).refusals
    assert refusal.error.reason == 'time must be a finite number of seconds, got "yesterday"'


def test_of_an_array_the_good_documents_count() -> None:
    engine = Engine(WindowsSettings(), 0)
    members = [
        body(f'"resources":{{"m.x":[{-1 if number % 3 == 2 else 1},2]}},"interval":{number + 1}') for number in range(10_000)
    ]
    outcome = take(engine, b"[" + b",".join(members) + b"]")
    assert [refusal.index for refusal in outcome.refusals] == list(range(2, 10_000, 3))
    (aggregate,) = closed(engine)
    assert aggregate["samples"] == aggregate["resources"]["m.x"]["part"] == 10_000 - len(outcome.refusals)


def test_what_is_too_deep_in_an_array_is_refused_alone_unless_no_parser_could_be_relied_on() -> None:
    def array(depth: int) -> bytes:
        return b"[" + GOOD + b"," + body('"u":' + "[" * depth + "]" * depth) + b"," + GOOD.replace(b"[1,2]", b"[2,2]") + b"]"

    alone = take(Engine(WindowsSettings(), 0), array(400))
    assert [(refusal.index, refusal.error.reason) for refusal in alone.refusals] == [
        (1, "message must be nested at most 100 levels deep")
    ]
    for depth in (600, 990, 2_000):
        whole = take(Engine(WindowsSettings(), 0), array(depth))
        assert [refusal.index for refusal in whole.refusals] == [-1]


MINE = body('"resources":{"m.x":[1,2]}')


def test_of_an_array_that_is_no_strict_json_the_good_documents_count() -> None:
    bad = (body('"resources":{"m.x":[NaN,1]}'), b'{"source":"a","time":Infinity}', body('"u":1e999'))
    array = b" [ " + b" , ".join([MINE, *bad, MINE.replace(b"[1,2]", b"[2,2]")]) + b" ] "
    engine = Engine(WindowsSettings(), 0)
    refusals = take(engine, array).refusals
    assert [(refusal.index, refusal.error.field) for refusal in refusals] == [(1, "resources.m.x"), (2, "time"), (3, "message")]
    (aggregate,) = closed(engine)
    assert aggregate["samples"] == 2


@pytest.mark.parametrize("end", [b"", b",", b"]]", b"] 1", b"}", b",]"])
def test_an_array_that_is_no_json_at_all_is_refused_whole(end: bytes) -> None:
    (refusal,) = take(Engine(WindowsSettings(), 0), b"[" + MINE + b',{"source":"a","time":NaN}' + end).refusals
    assert (refusal.index, refusal.error.field) == (-1, "message")


def test_a_document_that_is_refused_does_not_say_whose_message_it_is() -> None:
    engine = Engine(WindowsSettings(), 0)
    first, good = b'{"source":"h6","time":-1}', MINE.replace(b'"a"', b'"h7"')
    other = MINE.replace(b'"a"', b'"h8"')
    refusals = take(engine, b"[" + b",".join([first, good, other, good.replace(b"[1,2]", b"[2,2]")]) + b"]").refusals
    assert [(refusal.index, refusal.error.field) for refusal in refusals] == [(0, "time"), (2, "source")]
    (aggregate,) = closed(engine)
    assert (aggregate["source"], aggregate["samples"]) == ("h7", 2)


def test_documents_of_one_message_share_their_host() -> None:
    engine = Engine(WindowsSettings(), 0)
    outcome = take(engine, b"[" + GOOD + b"," + GOOD.replace(b"good", b"good/vm") + b"," + GOOD.replace(b"good", b"other") + b"]")
    assert [(refusal.index, refusal.error.field) for refusal in outcome.refusals] == [(2, "source")]
    assert {aggregate["source"] for aggregate in closed(engine)} == {"good", "good/vm"}


def test_sources_that_only_send_rubbish_leave_nothing_behind() -> None:
    engine = Engine(WindowsSettings(), 0)
    for number in range(300):
        take(engine, f'{{"source":"s{number}","time":1795417000,"resources":{{"m{number}":[-1,2]}}}}'.encode())
    assert len(engine._views) == 0
    assert engine._views.height <= 2


def test_the_largest_amounts_sum_to_numbers_and_a_ratio_beyond_them_is_no_value() -> None:
    engine = Engine(WindowsSettings(), 0)
    for number in range(50):
        assert not take(
            engine, body(f'"interval":{number + 1},"resources":{{"m.x":[1e300,1e300],"m.y":[1e300,1e-300]}}')
        ).refusals
    (aggregate,) = closed(engine)
    assert aggregate["resources"]["m.x"]["part"] == pytest.approx(5e301)
    assert aggregate["resources"]["m.x"]["ratio"] == pytest.approx(100)
    assert aggregate["resources"]["m.y"]["ratio"] is None


def test_a_window_with_too_many_metrics_keeps_those_that_it_has() -> None:
    engine, refusals = Engine(WindowsSettings(), 0), []
    for number in range(8):
        metrics = ",".join(f'"m{number}.n{n}":[1,2]' for n in range(2_000))
        refusals += take(engine, body(f'"resources":{{{metrics}}}')).refusals
    assert len(refusals) == 6
    (aggregate,) = closed(engine)
    assert aggregate["samples"] == 2
    assert len(aggregate["resources"]) == 4_000


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_sample_is_counted_in_those_of_its_windows_that_have_room(batch: int) -> None:
    engine = Engine(WindowsSettings(size=Duration(10), hop=Duration(5)), 0)
    metrics = [",".join(f'"m{number}.n{n}":[1,2]' for n in range(2_000)) for number in range(3)]
    times = (1_795_417_001, 1_795_417_002, 1_795_417_006)
    log = [f'{{"source":"a","time":{time},"resources":{{{some}}}}}'.encode() for some, time in zip(metrics, times, strict=True)]
    refused = [refusal for start in range(0, 3, batch) for refusal in take(engine, *log[start : start + batch]).refusals]
    assert [refusal.document for refusal in refused] == log[2:]
    windows = [(window["start"], window["samples"], len(window["resources"])) for window in closed(engine)]
    assert windows == [(1_795_416_995, 2, 4_000), (1_795_417_000, 2, 4_000), (1_795_417_005, 1, 2_000)]


@pytest.mark.parametrize("batch", [100, 4_500])
def test_a_window_that_is_widened_again_and_again_holds_little(batch: int) -> None:
    engine, refused = Engine(WindowsSettings(), 0), 0
    values = [body(f'"resources":{{"m.n{number}":[1,2]}}') for number in range(4_500)]
    for start in range(0, len(values), batch):
        refused += len(take(engine, *values[start : start + batch]).refusals)
    assert refused == 500
    assert engine._shapes.held < 500_000
    assert len(engine._open.cells.part) < 20_000


def test_what_has_no_room_and_what_is_wrong_are_refused_in_the_order_of_the_log() -> None:
    metrics = [",".join(f'"m{number}.n{n}":[1,2]' for n in range(2_000)) for number in range(3)]
    wide = [body(f'"resources":{{{some}}}') for some in metrics]
    log = [*wide, b"hello", wide[2].replace(b"[1,2]", b"[2,2]"), b"hello"]
    whole = take(Engine(WindowsSettings(), 0), *log)
    assert [refusal.message for refusal in whole.refusals] == [2, 3, 4, 5]
    engine = Engine(WindowsSettings(), 0)
    one_by_one = [refusal.document for value in log for refusal in take(engine, value).refusals]
    assert one_by_one == [refusal.document for refusal in whole.refusals]


LIKE = (
    b'{"source":"a","time":1795417000}',
    b'{"source":"a","time":1795417000,"resources":{"m.x":[1,2]}}',
    b'{"source":"a","time":1795417000,"resources":{"m.x":[1,2]},"timings":{"m.y@d":[1,2]}}',
    b'{"source":"a","time":1795417000,"resources":{},"timings":{}}',
)
NUMBERS = st.one_of(st.floats(), st.integers(-5, 10**20), st.just(1e300), st.just(1.1e300))
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
KEYS = st.sampled_from(["m.x", "m.y@d", "m.x@a:b", "m.x@é", "M", "m..x", "m x", "m.x@", 'm.x@"', "m.x@\\"])
PAIRS = st.dictionaries(KEYS, st.one_of(st.tuples(st.floats(0, 9), st.floats(0, 9)), ANYTHING), max_size=3)
SAMPLES = st.fixed_dictionaries(
    {"source": st.sampled_from(["a", "a/b", "a:b", "a//b", "", "é", "..", "a/.", 5])},
    optional={
        "time": st.one_of(st.floats(NOW - 5, NOW + 5), NUMBERS),
        "view": st.sampled_from(["probes", "", "A", "x y", 5, None]),
        "interval": NUMBERS,
        "due": NUMBERS,
        "ended": st.sampled_from(["stopped", "", "gone", 5, None]),
        "resources": st.one_of(PAIRS, PAIRS, ANYTHING),
        "timings": PAIRS,
        "facts": st.one_of(st.dictionaries(st.sampled_from(["f", "g:h", "é"]), ANYTHING, max_size=3), ANYTHING),
        "new": ANYTHING,
    },
)


TAILS = (
    "",
    ',"source":"a"',
    r',"s\u006furce":"a"',
    ',"facts":{"f":"::","f":1}',
    r',"facts":{"f\u003a":1,"f:":1}',
    r',"resources":{"m.x":[1,2],"m\u002ex":[1,2]}',
    ',"new":{"x":{"y":1,"y":[":"]}},"newer":{}',
    f',"deep":{"[" * 99}{"]" * 99}',
    f',"deep":{"[" * 100}{"]" * 100}',
    f',"deep":{"[" * 600}{"]" * 600}',
    f',"flat":[{"[]," * 600}"["]',
    ',"facts":{"f":9007199254740992}',
    ',"facts":{"f":9007199254740993}',
    ',"huge":1e999',
)


@pytest.mark.slow
@example(sample={"source": "a:b", "time": NOW}, ascii_only=False, spaces=False, tail=TAILS[1])
@given(sample=SAMPLES, ascii_only=st.booleans(), spaces=st.booleans(), tail=st.sampled_from(TAILS))
@settings(max_examples=600, deadline=None)
def test_the_fast_path_and_the_rules_agree(sample: dict[str, Any], *, ascii_only: bool, spaces: bool, tail: str) -> None:
    text = json.dumps(sample, ensure_ascii=ascii_only, separators=(", ", " : ") if spaces else (",", ":"))
    text = text[:-1] + tail + "}"
    raw = text.encode()
    try:
        valid = math.isfinite(read_sample(documents(raw)[0]).time)
    except InvalidError:
        valid = False
    if valid and sample["time"] > NOW + 600:
        valid = False
    for before in (GOOD, *LIKE):  # read after samples of another spelling, and by a decoder made for its own
        outcome = take(Engine(WindowsSettings(), 0), *[before] * 30, raw)
        assert len(outcome.refusals) == (not valid)


def test_shapes_that_were_swept_away_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.windows.spellings._SWEEP_ABOVE", 50)
    engine = Engine(WindowsSettings(), 0)
    one, other = body('"resources":{"m.y":[1,2]}'), body('"resources":{"m.z":[1,2]}')
    take(engine, one, other)
    for number in range(40):
        take(
            engine,
            f'{{"source":"f","time":{NOW + 30 * number},"resources":{{"m.n{number}":[1,2],"m.o{number}":[1,2]}}}}'.encode(),
        )
    take(engine, other, body('"resources":{"m.new":[1,2]}'))
    found = next(aggregate for aggregate in closed(engine) if aggregate["source"] == "a")
    assert (found["samples"], found["repeated"]) == (3, 1)
    assert {key: cell["count"] for key, cell in found["resources"].items()} == {"m.y": 1, "m.z": 1, "m.new": 1}
