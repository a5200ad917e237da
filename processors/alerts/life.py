"""The life of an alert, as Prometheus has it: pending, firing, recovering, over. Pure steps in the source's event time.

A condition that holds begins it, pending. Once it has held for `hold` seconds the alert fires; if it ceases before, nothing was.
A firing alert whose condition ceases fires on, recovering, for `lasting` seconds; if it holds again meanwhile, nothing was.
Times of firing and of being resolved are those of `promtool test rules` on the same series (prometheus/rules/alerting.go).
"""

from enum import Enum

from virtpulse.messages.alert import Life


class Step(Enum):
    """What a step led to: nothing to be remembered, something to be remembered, or something to be told."""

    NONE = "none"
    CHANGED = "changed"
    FIRED = "fired"
    RESOLVED = "resolved"
    DROPPED = "dropped"  # it never fired


class Course:
    """Where an alert is in its life. Times in seconds since the epoch.

    hold: how long the condition must hold before it fires. lasting: how long it fires on. since: when the condition began to
    hold. fired, recovering: since when it is so. missing: since when what it judges is no longer reported.
    """

    __slots__ = ("fired", "hold", "lasting", "missing", "recovering", "since")

    def __init__(self, hold: float, lasting: float, since: float) -> None:
        self.hold = hold
        self.lasting = lasting
        self.since = since
        self.fired: float | None = None
        self.recovering: float | None = None
        self.missing: float | None = None

    @property
    def life(self) -> Life:
        """The name of where it is."""
        if self.fired is None:
            return "pending"
        return "firing" if self.recovering is None else "recovering"

    def begin(self, time: float) -> Step:
        """Take the first step, at `time`."""
        return Step.FIRED if self._fires(time) else Step.CHANGED

    def holds(self, time: float) -> Step:
        """Take note that the condition holds at `time`."""
        back = self.missing is not None or self.recovering is not None
        self.missing = self.recovering = None
        if self.fired is None and self._fires(time):
            return Step.FIRED
        return Step.CHANGED if back else Step.NONE

    def ceases(self, time: float) -> Step:
        """Take note that the condition does not hold at `time`."""
        if self.fired is None:
            return Step.DROPPED
        back, self.missing = self.missing is not None, None
        begins = self.recovering is None
        if self.recovering is None:
            self.recovering = max(time, self.fired)  # what is older than its firing does not end it
        if time - self.recovering >= self.lasting:
            return Step.RESOLVED
        return Step.CHANGED if begins or back else Step.NONE

    def misses(self, time: float, most: float) -> Step:
        """Take note that what it judges was not reported at `time`; after `most` seconds of that it is over."""
        if self.missing is None:
            self.missing = time
            return Step.CHANGED
        return self.end() if time - self.missing >= most else Step.NONE

    def end(self) -> Step:
        """Return what it means that it is over now, whatever the condition."""
        return Step.DROPPED if self.fired is None else Step.RESOLVED

    def _fires(self, time: float) -> bool:
        if time - self.since < self.hold:
            return False
        self.fired = time
        return True
