"""The silences that there are, and which of them are in force."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from virtpulse.errors import InvalidError
from virtpulse.messages.matchers import Matchers
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.silence import Silence

MAX_SILENCES: Final = 10_000


class _Held(NamedTuple):
    silence: Silence
    matchers: Matchers


class Silences:
    """At most MAX_SILENCES by id; those that are over are forgotten where there are more."""

    def __init__(self) -> None:
        self._all: dict[str, _Held] = {}
        self._in_force: tuple[_Held, ...] = ()

    def put(self, silence: Silence, now: float) -> None:
        """Take a silence up, in place of the one with its id. Raises InvalidError where there are too many without it."""
        if silence.id not in self._all and len(self._all) >= MAX_SILENCES:
            self._all = {key: held for key, held in self._all.items() if held.silence.ends > now}
            if len(self._all) >= MAX_SILENCES:
                raise InvalidError(WHOLE, f"more than {MAX_SILENCES} silences are in force or to come; the others are left out")
        self._all[silence.id] = _Held(silence, Matchers(silence.matchers))

    def remove(self, key: str) -> None:
        """Forget the silence with this id."""
        self._all.pop(key, None)

    def look(self, now: float) -> bool:
        """Find out which silences are in force; return whether others were at the last look. Seconds since the epoch."""
        before, self._in_force = self._in_force, tuple(held for held in self._all.values() if held.silence.holds(now))
        return before != self._in_force

    def silenced(self, labels: Mapping[str, str]) -> bool:
        """Return whether one that was in force at the last look covers the labels."""
        return any(held.matchers.match(labels) for held in self._in_force)

    def silenced_at(self, time: float, labels: Mapping[str, str]) -> bool:
        """Return whether one that was in force at `time` covers the labels."""
        return any(held.silence.holds(time) and held.matchers.match(labels) for held in self._all.values())
