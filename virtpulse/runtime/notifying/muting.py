"""Which alerts are kept back, and why: silences, and inhibition by other alerts that fire."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum

from virtpulse.messages.alert import Alert
from virtpulse.messages.inhibition import Inhibiting, Inhibition
from virtpulse.runtime.firing import Change, FiringAlert
from virtpulse.runtime.notifying.silences import Silences


class Kept(Enum):
    """Why an alert is kept back."""

    SILENCED = "silenced"
    INHIBITED = "inhibited"


class Muting:
    """Judges alerts by the silences in force and by what fires elsewhere; those of all partitions count."""

    def __init__(self, silences: Silences, inhibitions: Sequence[Inhibition]) -> None:
        self._silences = silences
        self._sources: list[tuple[Inhibiting, Counter[tuple[str, ...]]]] = [(Inhibiting(one), Counter()) for one in inhibitions]
        self._changed = False
        self.version = 0  # changes with whatever may keep an alert back, or no longer

    def note(self, change: Change) -> None:
        """Take note of what fires or ceases to fire."""
        firing = change.before or change.after
        if firing is None or (change.before and change.after):
            return
        for inhibition, counts in self._sources:
            self._count(counts, inhibition.of_source(firing.alert.labels), 1 if change.after else -1)

    def look(self, now: float) -> bool:
        """Return whether `version` has changed since the last look. Seconds since the epoch."""
        changed = self._silences.look(now) or self._changed
        self._changed = False
        self.version += changed
        return changed

    def keeps(self, firing: FiringAlert) -> Kept | None:
        """Return why an alert that fires is kept back, None if it is not."""
        labels = firing.alert.labels
        if firing.inhibited:
            return Kept.INHIBITED
        if self._silences.silenced(labels):
            return Kept.SILENCED
        return Kept.INHIBITED if self._inhibited(labels) else None

    def kept(self, alert: Alert, time: float) -> bool:
        """Return whether an alert that is resolved was silenced when the log took that in, at `time`, or is still inhibited."""
        return self._silences.silenced_at(time, alert.labels) or self._inhibited(alert.labels)

    def _inhibited(self, labels: Mapping[str, str]) -> bool:
        for inhibition, counts in self._sources:
            wanted = inhibition.of_target(labels) if counts else None
            if wanted is not None and wanted in counts:
                return True
        return False

    def _count(self, counts: Counter[tuple[str, ...]], values: tuple[str, ...] | None, step: int) -> None:
        if values is None:
            return
        counts[values] += step
        if counts[values] <= 0:
            del counts[values]
        self._changed = True
