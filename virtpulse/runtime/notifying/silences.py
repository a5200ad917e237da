"""The silences that there are, and which of them are in force."""

from collections.abc import Mapping
from typing import Final

from virtpulse.messages.silence import Silence

MAX_SILENCES: Final = 10_000


class Silences:
    """All silences by id; where there are more than MAX_SILENCES, those that end first are forgotten."""

    def __init__(self) -> None:
        self._all: dict[str, Silence] = {}
        self._in_force: tuple[Silence, ...] = ()

    def put(self, silence: Silence) -> None:
        """Take a silence up, in place of the one with its id."""
        self._all[silence.id] = silence
        if len(self._all) > MAX_SILENCES:
            del self._all[min(self._all.values(), key=lambda one: one.ends).id]

    def remove(self, key: str) -> None:
        """Forget the silence with this id."""
        self._all.pop(key, None)

    def look(self, now: float) -> bool:
        """Find out which silences are in force; return whether others were at the last look. Seconds since the epoch."""
        before, self._in_force = self._in_force, tuple(silence for silence in self._all.values() if silence.holds(now))
        return before != self._in_force

    def silenced(self, labels: Mapping[str, str]) -> bool:
        """Return whether one that was in force at the last look covers the labels."""
        return any(silence.covers(labels) for silence in self._in_force)

    def silenced_at(self, time: float, labels: Mapping[str, str]) -> bool:
        """Return whether one that was in force at `time` covers the labels."""
        return any(silence.holds(time) and silence.covers(labels) for silence in self._all.values())
