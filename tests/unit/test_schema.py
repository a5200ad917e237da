"""The schemas take what reading takes and what virtpulse writes, and refuse what reading refuses."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.messages.asyncapi import asyncapi
from virtpulse.messages.codec import encode
from virtpulse.messages.reading import read_sample
from virtpulse.messages.sample import Sample
from virtpulse.messages.schema import schemas
from virtpulse.messages.source import Source
from virtpulse.runtime.outgoing import dead_letter, sample_messages
from virtpulse.topics import TOPICS
from virtpulse.transports.interface import Message

SCHEMAS = schemas()
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items() if name != "asyncapi.json"}
OFFICIAL = Path(__file__).parents[1] / "data" / "asyncapi-3.1.0.schema.json"

SEGMENTS = st.from_regex(r"[A-Za-z0-9._:-]{1,12}", fullmatch=True).filter(lambda text: text not in {".", ".."})
SOURCES = st.lists(SEGMENTS, min_size=1, max_size=8).map("/".join)
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,9}(\.[a-z][a-z0-9_]{0,9}){0,3}(@[!-~]{1,9})?", fullmatch=True)
AMOUNTS = st.floats(0, bounds.MAX_AMOUNT) | st.integers(0, 1 << 63)
PAIRS = st.dictionaries(KEYS, st.tuples(AMOUNTS, AMOUNTS), max_size=4)
FACTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=9), st.text(max_size=9) | st.integers(-9, 9) | st.booleans(), max_size=3
)
MOMENTS = st.floats(0, bounds.MAX_TIME)
SPANS = st.floats(0, bounds.MAX_INTERVAL, exclude_min=True)
VIEWS = st.from_regex(bounds.VIEW, fullmatch=True)
ENDED = st.sampled_from(["shutdown", "deleted", "migrated", "stopped"])
SAMPLES = st.fixed_dictionaries(
    {"source": SOURCES, "time": MOMENTS},
    optional={
        "view": VIEWS, "interval": SPANS, "due": SPANS, "ended": ENDED, "facts": FACTS, "unknown": st.none(),
        "resources": PAIRS, "performance": PAIRS, "faults": PAIRS, "timings": PAIRS,
    },
)  # fmt: skip
# values that are wrong more often than not, for a field that may be any
ODD_SOURCES = ["../x", "a/./b", "a//b", "a#b", "x" * 256, "/".join("a" * 9)]
ODD_KEYS = [{"A": [1, 2]}, {"a b": [1, 2]}, {"a@": [1, 2]}, {"a." * 100 + "a": [1, 2]}]
ODD_PAIRS: list[object] = [[], {}, {"a": [1, 2, 3]}, {"a": [-1, 2]}, {"a": [1]}, {"a": None}, {"a": [1e301, 1]}]
ODD = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([*ODD_SOURCES, *ODD_KEYS, *ODD_PAIRS])
)


def _accepts(kind: str, value: bytes) -> bool:
    return bool(VALIDATORS[f"{kind}.json"].is_valid(json.loads(value)))


def _reads(value: bytes) -> bool:
    try:
        read_sample(value)
    except InvalidError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(VALIDATORS))
def test_a_schema_is_itself_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@given(SAMPLES)
def test_every_sample_that_reading_takes_fits_the_schema(document: dict[str, Any]) -> None:
    value = orjson.dumps(document)
    sample = read_sample(value)
    assert _accepts("sample", value)
    assert _accepts("sample", encode(sample))


@given(SAMPLES, st.sampled_from(Sample.__struct_fields__), ODD)
def test_schema_and_reading_agree_on_any_value_of_a_field(document: dict[str, Any], field: str, odd: object) -> None:
    value = orjson.dumps(document | {field: odd})
    assert _accepts("sample", value) == _reads(value)


@pytest.mark.parametrize("missing", ["source", "time"])
def test_a_sample_needs_source_and_time(missing: str) -> None:
    document = {"source": "host", "time": 1.0}
    del document[missing]
    assert not _accepts("sample", orjson.dumps(document))


def test_bounds_on_counts_are_those_of_reading() -> None:
    for extra, fits in ((0, True), (1, False)):
        many = {f"m{number}": [1, 2] for number in range(bounds.MAX_METRICS + extra)}
        facts = {f"f{number}": "x" for number in range(bounds.MAX_FACTS + extra)}
        for document in ({"resources": many}, {"facts": facts}, {"facts": {"f": "x" * (bounds.MAX_FACT_CHARS + extra)}}):
            value = orjson.dumps({"source": "host", "time": 1, **document})
            assert _accepts("sample", value) == _reads(value) == fits


def test_a_message_may_hold_an_array_of_documents() -> None:
    samples = [Sample(source="host/a", time=1.5), Sample(source="host/b", time=2.5)]
    (message,) = sample_messages(samples)
    assert message.value.startswith(b"[")
    assert _accepts("sample", message.value)
    assert not _accepts("sample", b'[{"source": "host"}]')


RATIOS = st.builds(
    lambda part, whole, count: Ratio(part, whole, 100 * part / whole if whole else None, 0.0, None, 12.5, count),
    st.floats(0, 1e12), st.floats(1e-3, 1e12) | st.just(0.0), st.integers(1, 1000),
)  # fmt: skip
TIMINGS = st.builds(
    lambda seconds, count: Timing(seconds, 2.0, seconds / 2, None, None, None, count), st.floats(0, 1e12), st.integers(1, 1000)
)
RATIO_MAPS = st.dictionaries(KEYS, RATIOS, max_size=3)
AGGREGATES = st.builds(
    Aggregate, source=SOURCES, start=MOMENTS, end=MOMENTS, samples=st.integers(0, 99), late=st.integers(0, 99),
    repeated=st.integers(0, 99), view=VIEWS, resources=RATIO_MAPS, performance=RATIO_MAPS, faults=RATIO_MAPS,
    timings=st.dictionaries(KEYS, TIMINGS, max_size=3), facts=FACTS,
)  # fmt: skip


@given(AGGREGATES)
def test_every_aggregate_fits_its_schema(aggregate: Aggregate) -> None:
    assert _accepts("aggregate", encode(aggregate))
    assert _accepts("aggregate", b"[" + encode(aggregate) + b"]")


@given(
    st.builds(Source, source=SOURCES, first=MOMENTS, last=MOMENTS, time=MOMENTS, view=VIEWS, due=SPANS, ended=ENDED, facts=FACTS)
)
def test_every_source_fits_its_schema_alone_but_not_in_an_array(source: Source) -> None:
    assert _accepts("source", encode(source))
    assert not _accepts("source", b"[" + encode(source) + b"]")


@given(SAMPLES, st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=3))
def test_a_late_sample_is_the_sample_and_the_windows_it_missed(
    document: dict[str, Any], missed: list[tuple[float, float]]
) -> None:
    assert _accepts("late", orjson.dumps(document | {"missed": missed}))
    assert not _accepts("late", orjson.dumps(document))
    assert not _accepts("late", orjson.dumps(document | {"missed": []}))


@given(st.binary(max_size=1100), st.none() | st.integers(0, 9))
def test_every_dead_letter_fits_its_schema(value: bytes, index: int | None) -> None:
    origin = Message("samples", 0, 17, 1.5, "host", value)
    letter = dead_letter(origin, InvalidError("time", "time must be a finite number of seconds"), index=index)
    assert _accepts("deadletter", letter.value)


def test_the_asyncapi_document_fits_the_official_schema() -> None:
    official = Draft7Validator(json.loads(OFFICIAL.read_bytes()))
    assert list(official.iter_errors(SCHEMAS["asyncapi.json"])) == []


def test_the_asyncapi_document_has_every_topic_under_the_prefix() -> None:
    channels = asyncapi("site7")["channels"]
    assert {channel["address"] for channel in channels.values()} == {f"site7.{topic}" for topic in TOPICS}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in _references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if "$ref" in value else []
        return here + [found for inner in value.values() for found in _references(inner)]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []


def test_payloads_of_the_asyncapi_document_hold_under_draft_7_too() -> None:
    document = asyncapi()
    payload = {**document["components"]["messages"]["Sample"]["payload"], "components": document["components"]}
    validator = Draft7Validator(payload)
    assert validator.is_valid([{"source": "host", "time": 1, "resources": {"a.b@c": [1, 2]}}])
    assert not validator.is_valid([{"source": "host", "time": 1, "resources": {"a.b@c": [1, 2, 3]}}])
