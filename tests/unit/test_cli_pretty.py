"""Documents of any shape become one line for people."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtpulse.cli import pretty
from virtpulse.cli.filters import Filter

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["source", "view", "time", "first", "last", "end", "ended", "resources", "timings", "facts", "reason"])


def test_a_sample_shows_its_ratios() -> None:
    document = {"source": "a", "view": "logs", "resources": {"x": [1, 4], "y": [0, 0]}, "timings": {"t": [0.5, 100]}}
    assert pretty.sample_line(document) == "?  a (logs)  x 25.0 %  y –  t 5 ms"  # noqa: RUF001 the sign that the table shows


def test_an_aggregate_shows_ratios_and_means() -> None:
    document = {"source": "a", "resources": {"x": {"ratio": 12.34}, "y": {"ratio": None}}, "timings": {"t": {"mean": 2.5e-5}}}
    assert pretty.aggregate_line(document) == "?  a  x 12.3 %  y –  t 25 µs"  # noqa: RUF001 the sign that the table shows


def test_a_ratio_that_no_number_can_hold_is_shown_as_none() -> None:
    document = {"source": "a", "resources": {"x": {"ratio": 10**400}}, "timings": {"t": {"mean": 10**400}}}
    assert pretty.aggregate_line(document) == "?  a  x –  t –"  # noqa: RUF001 the sign that the table shows


def test_a_source_that_ended_says_how() -> None:
    assert pretty.source_line({"source": "a", "ended": "migrated"}) == "?  a  ended: migrated"


def test_a_dead_letter_says_where_and_why() -> None:
    letter = {"topic": "samples", "partition": 0, "position": 7, "field": "time", "reason": "time must be\na number"}
    assert pretty.dead_letter_line(letter) == "?  samples 0:7  time: time must be\\na number"


@settings(deadline=None)
@given(st.dictionaries(fields, json_values))
def test_any_document_becomes_one_printable_line(document: dict[str, object]) -> None:
    for line in (pretty.sample_line, pretty.aggregate_line, pretty.source_line, pretty.dead_letter_line):
        assert line(document).isprintable()


@pytest.mark.parametrize(
    ("source", "metric", "kept"),
    [
        (None, None, {"a.x": 1, "b": 2}),
        ("h*", None, {"a.x": 1, "b": 2}),
        ("g", None, None),
        (None, "a.*", {"a.x": 1}),
        (None, "c", None),
    ],
)
def test_a_filter_keeps_the_sources_and_metrics_asked_for(
    source: str | None, metric: str | None, kept: dict[str, int] | None
) -> None:
    taken = Filter(source, metric).take({"source": "host", "resources": {"a.x": 1, "b": 2}})
    assert (taken and taken["resources"]) == kept
