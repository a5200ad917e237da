"""How much each person may ask."""

from typing import Final

from virtpulse.clock import Clock

_BURST: Final = 10


class Allowance:
    """Ten commands at once, and `per_minute` after that, for each of a known set of people."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # commands, and when that was so
        self._told: set[str] = set()

    def admits(self, person: str) -> bool:
        """Take a command into account and return whether it is to be answered."""
        now = self._clock.monotonic()
        left, since = self._left.get(person, (float(_BURST), now))
        left = min(float(_BURST), left + (now - since) * self._rate)
        admitted = left >= 1
        self._left[person] = (left - admitted, now)
        if admitted:
            self._told.discard(person)
        return admitted

    def first_refusal(self, person: str) -> bool:
        """Return whether the person is to be told that it was too much: once, until commands are answered again."""
        first = person not in self._told
        self._told.add(person)
        return first
