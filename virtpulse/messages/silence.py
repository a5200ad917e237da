"""The silence: which alerts nobody is to be told of, and for how long."""

import secrets
from collections.abc import Iterable, Mapping

import msgspec

from virtpulse.messages.matchers import matching

SILENCE_VERSION = 1


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence: alerts whose labels all its matchers match are not notified from `starts` to before `ends`.

    id: the key of its record. matchers: as `virtpulse.messages.matchers` reads them. starts, ends, created: seconds since
    the epoch. reason: why, by: who asked for it.
    """

    id: str
    matchers: tuple[str, ...]
    starts: float
    ends: float
    created: float
    reason: str = ""
    by: str = ""
    version: int = SILENCE_VERSION

    def holds(self, now: float) -> bool:
        """Return whether it is in force at `now`."""
        return self.starts <= now < self.ends

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Return whether its matchers match the labels; a matcher that cannot be read matches nothing."""
        return matching(self.matchers, labels)


def new_id() -> str:
    """Return an id that no other silence has, short enough to be typed."""
    return secrets.token_hex(4)


def silencing(silences: Iterable[Silence], labels: Mapping[str, str], now: float) -> Silence | None:
    """Return a silence that holds now and covers the labels, None if there is none."""
    return next((silence for silence in silences if silence.holds(now) and silence.covers(labels)), None)
