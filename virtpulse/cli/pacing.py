"""When recorded messages are sent: as far apart as they were taken, or several times as fast."""

from virtpulse.clock import Clock


class Pacing:
    """Maps event time to waiting: the first message goes at once, what is older than it too."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self._speed = speed
        self._clock = clock
        self._begun = 0.0
        self._first: float | None = None

    def wait(self, time: float) -> float:
        """Return for how many seconds the message of that event time is still to be held back."""
        now = self._clock.monotonic()
        if self._first is None:
            self._first, self._begun = time, now
        return max(self._begun + (time - self._first) / self._speed - now, 0.0)
