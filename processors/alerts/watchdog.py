"""The watchdog: an alert that always fires, so that whoever receives alerts notices when they stop."""

from typing import Final

from processors.alerts.register import Register
from processors.alerts.writing import Writer
from virtpulse.transports.interface import Outgoing

BEAT_EVERY: Final = 60.0  # seconds


class Watchdog:
    """Writes its record to the alert states at each beat, and only while the worker has read to the end of its input.

    It is not on the alerts topic: it says nothing new. Notifiers tell of it while the latest record is young.
    """

    def __init__(self, writer: Writer, register: Register, *, wanted: bool) -> None:
        self._writer = writer
        self._register = register
        self._wanted = wanted
        self._since: float | None = None
        self._next = 0.0

    def tick(self, monotonic: float, now: float) -> list[Outgoing]:
        """Return the next beat, if it is time."""
        if monotonic < self._next:
            return []
        self._next = monotonic + BEAT_EVERY
        restored = self._register.watchdog_since
        if self._since is None:
            self._since = now if restored is None else restored
        beat = self._writer.watchdog(now, self._since)
        if self._wanted:
            return [beat]
        self._register.watchdog_since = None
        return [] if restored is None else [self._writer.removal(beat.key)]
