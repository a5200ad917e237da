"""The silence of sources, judged by when their last messages arrived, and only while the worker reads to the end of its input.

A view is overdue after `absent_after`, or three times the seconds that it said there are between its messages where that is more;
one that does not say is expected as often as it came before. A source is silent when all its views are overdue. Whenever reading
was interrupted, everybody gets that time anew. A guest's silence waits for its host, where that is a source: while the host is
silent too it says nothing, and when the host is here the guest has as long as it may take to come back. Who ended on purpose is
not expected, nor are the guests of a host that did.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from processors.alerts.life import Course
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import Source, Sources
from processors.alerts.writing import Standing
from virtpulse.globs import is_like

INTERRUPTED: Final = 2.0  # seconds between two ticks that say that reading was interrupted
LOOK_EVERY: Final = 1.0  # seconds between two looks at those that are overdue

_MOST_AT_ONCE: Final = 2_000  # alerts of silence that are raised in one look


class Absence:
    """Judges the rules of silence; told of every message that comes, and of every tick."""

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register, absent_after: float) -> None:
        self._rules = rules
        self._sources = sources
        self._register = register
        self._shortest = absent_after
        self._deadlines: list[tuple[float, int, Source]] = []  # a source counts where it is scheduled for that time
        self._numbers = itertools.count()
        self._overdue: dict[Source, None] = {}  # those whose alerts are still to be raised
        self._since: float | None = None  # reading has not been interrupted from then on
        self._ticked = 0.0
        self._looked = 0.0

    def hear(self, source: Source, time: float, monotonic: float) -> None:
        """Take note that a message of the source came, which the log took in at `time`."""
        if source.overdue:
            source.overdue = False
            source.vouched = None
            source.resumed = monotonic
            self._overdue.pop(source, None)
        if source.silent:
            self._speaks(source, time)
        self.expect(source, monotonic)

    def meet(self, source: Source) -> None:
        """Take note of a source that is known from now on; an earlier worker may have told that it is silent."""
        source.silent = bool(self._silences_of(source))

    def expect(self, source: Source, monotonic: float) -> None:
        """Wait for when the source is to be heard again at the latest."""
        deadline = source.deadline(monotonic if self._since is None else self._since, self._shortest)
        if deadline is not None and (source.scheduled is None or deadline < source.scheduled):
            source.scheduled = deadline
            heapq.heappush(self._deadlines, (deadline, next(self._numbers), source))

    def resume(self, monotonic: float) -> None:
        """Take up what was restored: who is silent already, and that all others have their time from now on."""
        for source in self._sources:
            self.meet(source)
            self.expect(source, monotonic)

    def end(self, source: Source) -> None:
        """Take note that the source ended or was forgotten: nothing is expected any more."""
        source.scheduled = None
        source.overdue = source.silent = False
        source.vouched = None
        self._overdue.pop(source, None)

    def tick(self, monotonic: float, now: float) -> None:
        """Judge who is silent; called only while the worker has read to the end of its input."""
        if self._since is None or monotonic - self._ticked > INTERRUPTED:
            self._since = monotonic
        self._ticked = monotonic
        self._collect(monotonic, self._since)
        if monotonic - self._looked >= LOOK_EVERY:
            self._looked = monotonic
            silent = (source for source in list(self._overdue) if self._is_silent(source, monotonic, self._since or monotonic))
            for source in itertools.islice(silent, _MOST_AT_ONCE):
                if self._raise(source, monotonic, now):
                    self._overdue.pop(source, None)

    def view_is_gone(self, standing: Standing, most: float, monotonic: float) -> bool:
        """Return whether the view that an alert is about has not been heard for `most` seconds, though its source has."""
        source = self._sources.get(standing.source)
        if source is None or source.overdue or source.silent or self._since is None or not source.views:
            return False
        view = source.views.get(standing.view)
        heard = max(standing.judged, self._since, 0.0 if view is None else view.heard)
        others = max((other.heard for name, other in source.views.items() if name != standing.view), default=0.0)
        return others > heard and monotonic - heard >= max(most, 0.0 if view is None else view.quiet(self._shortest))

    def _collect(self, monotonic: float, since: float) -> None:
        """Move those whose deadline has passed to the overdue ones."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= monotonic:
            scheduled, _, source = heapq.heappop(deadlines)
            if source.scheduled != scheduled:
                continue  # an earlier one took its place
            source.scheduled = None
            deadline = source.deadline(since, self._shortest)
            if deadline is not None and deadline > monotonic:
                self.expect(source, monotonic)
            elif deadline is not None:
                source.overdue = True
                self._overdue[source] = None

    def _is_silent(self, source: Source, monotonic: float, since: float) -> bool:
        deadline = source.deadline(since, self._shortest)
        if deadline is None:
            return False
        host = self._sources.get(source.host) if source.is_guest else None
        if host is None:
            return monotonic >= deadline
        if host.ended_at is not None or host.overdue or host.silent:
            source.vouched = None
            return False
        quiet = source.quiet(self._shortest)
        if not host.quiet(self._shortest):
            return monotonic >= deadline  # nobody knows when the host would be heard
        deadline = max(deadline, host.resumed + quiet)
        if monotonic < deadline or host.heard < deadline:
            return False
        if source.vouched is None or source.vouched < deadline:
            source.vouched = host.heard
        return monotonic - source.vouched >= quiet / 2

    def _raise(self, source: Source, monotonic: float, now: float) -> bool:
        """Raise the alerts of its silence; return whether none of them is still to come."""
        quiet = monotonic - source.heard
        complete = True
        for rule in self._rules_for(source):
            present = self._register.of_source(source.name).get((rule.name, ""))
            if present is not None:
                self._register.apply(present, present.course.holds(now), now)
            elif quiet < source.quiet(self._shortest) + float(rule.for_):
                complete = False
                continue
            else:
                standing = Standing(rule, source.name, "", "", Course(0.0, rule.lasting, min(source.arrived or now, now)))
                standing.value = quiet
                if not self._register.begin(standing, now):
                    complete = False
                    continue
            source.silent = True
        return complete

    def _speaks(self, source: Source, time: float) -> None:
        for standing in self._silences_of(source):
            came = max(time, standing.course.fired or time)  # the log's clock may have gone back since it fell silent
            self._register.apply(standing, standing.course.ceases(came), came)
        source.silent = bool(self._silences_of(source))

    def _silences_of(self, source: Source) -> list[Standing]:
        return [standing for standing in self._register.each_of(source.name) if standing.rule.on == "silence"]

    def _rules_for(self, source: Source) -> Iterator[Rule]:
        whose = "guests" if source.is_guest else "hosts"
        return (rule for rule in self._rules if rule.of == whose and is_like(source.name, rule.source))
