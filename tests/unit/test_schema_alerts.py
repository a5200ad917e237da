"""The schemas of alerts, their states and silences: their examples are valid, so is what virtpulse writes, and nothing odd."""

import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from virtpulse.messages import bounds
from virtpulse.messages.alert import Alert, AlertState, fingerprint
from virtpulse.messages.asyncapi import asyncapi
from virtpulse.messages.codec import decode, encode
from virtpulse.messages.examples import examples
from virtpulse.messages.matchers import parse_matcher
from virtpulse.messages.moments import to_rfc3339
from virtpulse.messages.notified import Notified
from virtpulse.messages.schema import schemas
from virtpulse.messages.silence import Silence, new_id

SCHEMAS = schemas()
KINDS: dict[str, type[msgspec.Struct]] = {"alert": Alert, "alertstate": AlertState, "silence": Silence}

LABELS = st.dictionaries(st.from_regex(bounds.LABEL, fullmatch=True), st.text(max_size=20), max_size=5)
MOMENTS = st.floats(0, bounds.MAX_TIME)
LINES = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=50)
ALERTS = st.builds(
    lambda labels, annotations, starts, ends, text: Alert(
        status="resolved", labels=labels, annotations=annotations, starts_at=to_rfc3339(starts), ends_at=to_rfc3339(ends),
        fingerprint=fingerprint(labels), text=text,
    ),
    LABELS, LABELS, MOMENTS, MOMENTS, LINES,
)  # fmt: skip
STATES = st.builds(
    AlertState, fingerprint=LABELS.map(fingerprint), state=st.sampled_from(["pending", "firing", "recovering"]), rule=LINES,
    source=st.sampled_from(["", "kvm-07", "kvm-07/web-3"]), since=MOMENTS, view=st.sampled_from(["", "logs"]),
    key=st.sampled_from(["", "vm.cpu.utilization", "system.disk.io@sda.read"]), fired=MOMENTS, recovering=MOMENTS,
    missing=MOMENTS, inhibited=LABELS.map(fingerprint), alert=ALERTS,
)  # fmt: skip
SILENCES = st.builds(
    lambda matchers, starts, reason: Silence(
        id=new_id(), matchers=tuple(matchers), starts=starts, ends=starts, created=starts, reason=reason, by="ana"
    ),
    st.lists(st.sampled_from(["host=kvm-0*", "vm!=web-3", 'metric = "a b"']), min_size=1, max_size=4),
    MOMENTS,
    LINES,
)


def _accepts(kind: str, value: bytes) -> bool:
    return bool(Draft202012Validator(SCHEMAS[f"{kind}.json"]).is_valid(json.loads(value)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_examples_of_a_schema_are_valid_and_are_read(kind: str) -> None:
    shown = SCHEMAS[f"{kind}.json"]["examples"]
    assert shown
    for example in shown:
        value = orjson.dumps(example)
        assert _accepts(kind, value)
        assert orjson.loads(encode(decode(value, KINDS[kind]))) == example


def test_the_examples_of_the_asyncapi_document_are_those_of_the_schemas() -> None:
    document = asyncapi()
    for name in ("Alert", "AlertState", "Silence"):
        message = document["components"]["messages"][name]
        assert [example["payload"] for example in message["examples"]] == examples(name)
        validator = Draft7Validator({**message["payload"], "components": document["components"]})
        assert all(validator.is_valid(example) for example in examples(name))


def test_the_fingerprint_of_the_example_is_that_of_its_labels() -> None:
    for example in examples("Alert"):
        assert example["fingerprint"] == fingerprint(example["labels"])


@given(ALERTS)
def test_every_alert_fits_its_schema_alone_and_in_an_array(alert: Alert) -> None:
    assert _accepts("alert", encode(alert))
    assert _accepts("alert", b"[" + encode(alert) + b"]")


@given(STATES)
def test_every_state_fits_its_schema_alone_but_not_in_an_array(state: AlertState) -> None:
    assert _accepts("alertstate", encode(state))
    assert not _accepts("alertstate", b"[" + encode(state) + b"]")


@given(SILENCES)
def test_every_silence_fits_its_schema_alone_but_not_in_an_array(silence: Silence) -> None:
    assert all(parse_matcher(matcher) for matcher in silence.matchers)
    assert _accepts("silence", encode(silence))
    assert not _accepts("silence", b"[" + encode(silence) + b"]")


@given(LABELS, MOMENTS, st.dictionaries(LABELS.map(fingerprint), MOMENTS.map(to_rfc3339), max_size=3))
def test_what_a_notifier_remembers_fits_its_schema(group: dict[str, str], time: float, firing: dict[str, str]) -> None:
    document = asyncapi()
    payload = document["components"]["messages"]["Notified"]["payload"]
    validator = Draft7Validator({**payload, "components": document["components"]})
    record = Notified(notifier="chat", receiver="ops", group=group, until=3, time=time, firing=firing)
    assert validator.is_valid(msgspec.to_builtins(record))
    assert not validator.is_valid(msgspec.to_builtins(record) | {"until": -1})


@pytest.mark.parametrize(
    ("kind", "field", "odd"),
    [
        ("alert", "status", "burning"),
        ("alert", "labels", {"no-name": "x"}),
        ("alert", "labels", {"x" * 65: "x"}),
        ("alert", "labels", {"host": 7}),
        ("alert", "labels", {"host": "x" * (bounds.MAX_LABEL_CHARS + 1)}),
        ("alert", "annotations", {"value": 93.2}),
        ("alert", "startsAt", 1_795_417_140),
        ("alert", "startsAt", "2026-11-25 18:36:28"),
        ("alert", "endsAt", ""),
        ("alert", "fingerprint", "0123456789ABCDEF"),
        ("alert", "text", "two\nlines"),
        ("alertstate", "state", "resolved"),
        ("alertstate", "source", "../x"),
        ("alertstate", "key", "not a key"),
        ("alertstate", "since", "2026-11-25T18:36:28Z"),
        ("alertstate", "inhibited", ""),
        ("alertstate", "alert", {"status": "firing"}),
        ("silence", "matchers", []),
        ("silence", "matchers", ["host"]),
        ("silence", "matchers", ["1=2"]),
        ("silence", "id", ""),
        ("silence", "ends", -1),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(kind: str, field: str, odd: object) -> None:
    document: dict[str, Any] = SCHEMAS[f"{kind}.json"]["examples"][-1]
    assert not _accepts(kind, orjson.dumps(document | {field: odd}))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_description_says_fields_as_they_are_on_the_wire(kind: str) -> None:
    for schema in SCHEMAS[f"{kind}.json"]["$defs"].values():
        assert not {"starts_at", "ends_at", "generator_url"} & set(schema["description"].replace(":", " ").split())
