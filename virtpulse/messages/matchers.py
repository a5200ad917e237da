"""Matchers: which alerts are meant, by their labels. `severity=critical`, `host!=kvm-0*`; `*` and `?` as in file names."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from virtpulse.messages.bounds import LABEL, MAX_MATCHER_CHARS

_EXAMPLE: Final = "LABEL=VALUE or LABEL!=VALUE, where VALUE may hold * and ?, as in host=kvm-0*"


class Matcher(NamedTuple):
    """One condition: the label's value matches `pattern`, or if `negated` does not. A label that is not there is empty."""

    label: str
    negated: bool
    pattern: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet the condition."""
        return fnmatchcase(labels.get(self.label, ""), self.pattern) is not self.negated


@lru_cache(maxsize=10_000)
def parse_matcher(text: str) -> Matcher:
    """Read a matcher. Raises ValueError with what is allowed."""
    name, equals, pattern = text.partition("=")
    negated = name.endswith("!")
    label = name.removesuffix("!").strip()
    if not equals or len(text) > MAX_MATCHER_CHARS or not LABEL.fullmatch(label):
        msg = f'must be {_EXAMPLE}, got "{text[:60]}"'
        raise ValueError(msg)
    return Matcher(label, negated, _unquoted(pattern.strip()))


def matching(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Return whether all matchers match the labels. One that cannot be read matches nothing, nor does an empty list."""
    try:
        return bool(matchers) and all(parse_matcher(text).matches(labels) for text in matchers)
    except ValueError:
        return False


def _unquoted(pattern: str) -> str:
    return pattern[1:-1] if len(pattern) > 1 and pattern[0] == pattern[-1] == '"' else pattern
