"""Matchers, as people write them: what they match, and what those who come from Alertmanager are told."""

import time

import pytest

from virtpulse.globs import is_like
from virtpulse.messages.bounds import MAX_MATCHER_CHARS
from virtpulse.messages.matchers import Matcher, Matchers, matching, parse_matcher

LABELS = {"alertname": "DiskSlow", "severity": "critical", "host": "kvm-07", "device": "sd[a]"}


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("host=kvm-07", Matcher("host", negated=False, pattern="kvm-07")),
        ("host!=kvm-0*", Matcher("host", negated=True, pattern="kvm-0*")),
        (' host = "kvm 07" ', Matcher("host", negated=False, pattern="kvm 07")),
        ('vm=""', Matcher("vm", negated=False, pattern="")),
        ("vm=", Matcher("vm", negated=False, pattern="")),
        ("vm!=", Matcher("vm", negated=True, pattern="")),
        ("device=a=b", Matcher("device", negated=False, pattern="a=b")),
        ("device=a,b", Matcher("device", negated=False, pattern="a,b")),
        ("device=x~1", Matcher("device", negated=False, pattern="x~1")),
    ],
)
def test_a_matcher_is_a_label_a_sign_and_a_value(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("severity=~critical|warning", "regular expressions are not known here; * and ? are, as in severity=crit*"),
        ("severity=~", "write two receivers or silences for two values"),
        ('severity=~"critical|warning"', "regular expressions are not known here"),
        ("severity!~critical", "regular expressions are not known here"),
        ("severity!~a=b", "regular expressions are not known here"),
        ("severity=critical|warning", "regular expressions are not known here"),
        ("host==x", 'must be LABEL=VALUE or LABEL!=VALUE, got "host==x": one = is enough'),
        ("host!==x", "one = is enough"),
        ('host="a",vm="b"', "write each matcher by itself, as in host=a vm=b"),
        ("host=a, vm!=b", "write each matcher by itself"),
        ('host="a', "quotes stand around the whole value or not at all; ? matches one"),
        ('host=a"b', "quotes stand around the whole value or not at all"),
        ('host="', "quotes stand around the whole value or not at all"),
        ("host", 'must be LABEL=VALUE or LABEL!=VALUE, where VALUE may hold * and ?, as in host=kvm-0*, got "host"'),
        ("", 'got ""'),
        ("=x", 'got "=x"'),
        ("1host=x", 'got "1host=x"'),
        ("{host=x}", "where VALUE may hold * and ?"),
        ("ho st=x", "where VALUE may hold * and ?"),
        ("host=" + "x" * MAX_MATCHER_CHARS, "where VALUE may hold * and ?"),
    ],
)
def test_what_would_match_nothing_or_is_no_matcher_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="must be LABEL=VALUE or LABEL!=VALUE") as error:
        parse_matcher(text)
    assert why in str(error.value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("severity=critical", True),
        ("severity=Critical", False),
        ("severity=crit*", True),
        ("host=kvm-0?", True),
        ("host=kvm-?", False),
        ("host=[k]vm-07", False),
        ("device=sd[a]", True),
        ("device=sd[ab]", False),
        ("device=sd[*", True),
        ("vm=", True),
        ("vm!=", False),
        ("vm=*", True),
        ("vm=?*", False),
        ("host!=kvm-07", False),
        ("host!=kvm-08", True),
    ],
)
def test_only_the_star_and_the_question_mark_stand_for_others(text: str, matches: bool) -> None:  # noqa: FBT001 one of a table
    assert parse_matcher(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("matchers", "match"),
    [
        (["host=kvm-07", "severity!=info"], True),
        (["host=kvm-07", "severity=info"], False),
        (["host!=kvm-0?", "severity!=info"], False),
        (["vm=", "team!=db"], True),
        (["host=kvm-07", "severity=~critical"], False),
        ([], False),
    ],
)
def test_all_matchers_must_match_and_one_that_cannot_be_read_matches_nothing(matchers: list[str], match: bool) -> None:  # noqa: FBT001 one of a table
    assert matching(matchers, LABELS) is match
    assert Matchers(matchers).match(LABELS) is match


@pytest.mark.parametrize(
    ("text", "names"),
    [("host=a", True), ("host=*a?", True), ("host=*", False), ("host=*?*", False), ("vm=", False), ("host!=a", False)],
)
def test_only_a_value_that_must_be_there_names_something(text: str, names: bool) -> None:  # noqa: FBT001 one of a table
    assert parse_matcher(text).names_something is names


def test_a_glob_of_many_stars_costs_next_to_nothing() -> None:
    begun = time.perf_counter()
    assert not is_like("a" * 1_000, "*a" * 140 + "*b")
    assert time.perf_counter() - begun < 1.0
