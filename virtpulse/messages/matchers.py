"""Matchers: which alerts are meant, by their labels. `severity=critical`, `host!=kvm-0*`; only `*` and `?` are special."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from virtpulse.globs import compiled, is_like
from virtpulse.messages.bounds import LABEL, MAX_MATCHER_CHARS

_FORM: Final = "LABEL=VALUE or LABEL!=VALUE"
_GLOBS: Final = "where VALUE may hold * and ?, as in host=kvm-0*"
_NO_EXPRESSION: Final = (
    "regular expressions are not known here; * and ? are, as in severity=crit*; write two receivers or silences for two values"
)
_ONE_SIGN: Final = "one = is enough"
_APART: Final = "write each matcher by itself, as in host=a vm=b"
_NO_QUOTE: Final = "quotes stand around the whole value or not at all; ? matches one"
_NEXT_MATCHER: Final = re.compile(r",\s*[A-Za-z_][A-Za-z0-9_]*\s*(?:=|!=|!~)")


class Matcher(NamedTuple):
    """One condition: the label's value matches `pattern`, or if `negated` does not. A label that is not there is empty."""

    label: str
    negated: bool
    pattern: str

    @property
    def names_something(self) -> bool:
        """Whether the label must have a certain value, or one with a certain part."""
        return not self.negated and bool(self.pattern.strip("*?"))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels meet the condition."""
        return is_like(labels.get(self.label, ""), self.pattern) is not self.negated


@lru_cache(maxsize=10_000)
def parse_matcher(text: str) -> Matcher:
    """Read a matcher; its value may stand in double quotes. Raises ValueError with what is allowed, to be put behind a name.

    What Alertmanager reads in another way is refused, as it would match nothing here: `=~`, `!~`, `==`, values with `|`
    between them, several matchers in one. Where a value holds such a sign, `?` in its place matches it.
    """
    name, equals, value = text.partition("=")
    label, pattern = name.removesuffix("!").strip(), value.strip()
    bare = pattern[1:-1] if len(pattern) > 1 and pattern[0] == pattern[-1] == '"' else pattern
    if why := _alertmanagers(name, pattern, bare):
        msg = f'must be {_FORM}, got "{text[:60]}": {why}'
        raise ValueError(msg)
    if not equals or len(text) > MAX_MATCHER_CHARS or not LABEL.fullmatch(label):
        msg = f'must be {_FORM}, {_GLOBS}, got "{text[:60]}"'
        raise ValueError(msg)
    return Matcher(label, name.endswith("!"), bare)


def matching(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Return whether all matchers match the labels. One that cannot be read matches nothing, nor does an empty list."""
    try:
        return bool(matchers) and all(parse_matcher(text).matches(labels) for text in matchers)
    except ValueError:
        return False


class Matchers:
    """Matchers that are asked often: what `matching` does, read and compiled once, however many others there are."""

    def __init__(self, texts: Sequence[str]) -> None:
        try:
            read = [parse_matcher(text) for text in texts]
        except ValueError:
            read = []
        self._conditions = [(one.label, one.negated, compiled(one.pattern).match) for one in read]

    def match(self, labels: Mapping[str, str]) -> bool:
        """Return whether all match the labels."""
        for label, negated, match in self._conditions:
            if (match(labels.get(label, "")) is None) is not negated:
                return False
        return bool(self._conditions)


def _alertmanagers(name: str, pattern: str, bare: str) -> str:
    """Return what to write instead of what only Alertmanager reads, empty if it is no such thing."""
    if pattern.startswith("="):
        return _ONE_SIGN
    if _NEXT_MATCHER.search(pattern):
        return _APART
    if pattern.startswith("~") or "!~" in name or "|" in bare:
        return _NO_EXPRESSION
    return _NO_QUOTE if '"' in bare else ""
