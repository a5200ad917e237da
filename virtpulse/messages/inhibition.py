"""The inhibition: which alerts are kept back while others fire, because those say already what is wrong."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from virtpulse.errors import UsageError
from virtpulse.messages.matchers import Matchers, parse_matcher

_LABEL: Final = "[A-Za-z_][A-Za-z0-9_]*"
_PAIR: Final = re.compile(f"({_LABEL})(?:=({_LABEL}))?")


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of `[[inhibit]]`: while an alert fires that `source` matches, those that `target` matches are kept back.

    source, target: matchers as `virtpulse.messages.matchers` reads them, all of which must match. equal: labels whose values both
    alerts must share; `a=b` compares the label a of the source to the label b of the target, and two labels that are not there
    are equal. An alert that both match is never kept back, so that none can keep itself back.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError, which begins with the field, for what cannot be read."""
        for name, matchers in (("source", self.source), ("target", self.target)):
            if not matchers:
                msg = f"{name} must hold a matcher at least, as in {name} = ['alertname=HostSilent']"
                raise UsageError(msg)
            for matcher in matchers:
                _check_matcher(name, matcher)
        for pair in self.equal:
            if not _PAIR.fullmatch(pair):
                msg = f'equal must hold labels, LABEL or SOURCE_LABEL=TARGET_LABEL, got "{pair[:60]}"'
                raise UsageError(msg)


class Inhibiting:
    """An inhibition that is asked often."""

    def __init__(self, inhibition: Inhibition) -> None:
        self._source = Matchers(inhibition.source)
        self._target = Matchers(inhibition.target)
        self._of_source = tuple(pair.partition("=")[0] for pair in inhibition.equal)
        self._of_target = tuple(pair.rpartition("=")[2] for pair in inhibition.equal)

    def of_source(self, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the values that a target's labels must equal while an alert with `labels` fires, None if that is no source."""
        if not self._source.match(labels):
            return None
        return tuple(labels.get(name, "") for name in self._of_source)

    def of_target(self, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the values that a source's labels must equal to keep an alert with `labels` back, None if nothing does."""
        if not self._target.match(labels) or self._source.match(labels):
            return None
        return tuple(labels.get(name, "") for name in self._of_target)


def _check_matcher(name: str, matcher: str) -> None:
    try:
        parse_matcher(matcher)
    except ValueError as error:
        msg = f"{name} {error}"
        raise UsageError(msg) from error
