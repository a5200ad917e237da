"""The silence of sources, judged by when their last messages arrived, and only while the worker reads to the end of its input.

A source is silent after `absent_after`, three times the seconds that it said there are between its messages where that is more;
one that does not say is expected as often as it came before. Whenever reading was interrupted, everybody gets that time anew. A
guest's silence waits for its host, where that is a source: while the host is silent too it says nothing, and when the host is
here the guest has as long as it may take to come back. Who ended on purpose is not expected, nor are the guests of a host that
did.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from processors.alerts.life import Course
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import Source, Sources
from processors.alerts.writing import Standing

TIMES_DUE: Final = 3.0
INTERRUPTED: Final = 2.0  # seconds between two ticks that say that reading was interrupted
LOOK_EVERY: Final = 1.0  # seconds between two looks at those that are overdue


class Absence:
    """Judges the rules of silence; told of every message that comes, and of every tick."""

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register, absent_after: float) -> None:
        self._rules = rules
        self._sources = sources
        self._register = register
        self._shortest = absent_after
        self._deadlines: list[tuple[float, int, Source]] = []
        self._numbers = itertools.count()
        self._overdue: dict[Source, None] = {}
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

    def expect(self, source: Source, monotonic: float) -> None:
        """Set until when the source is to be heard again."""
        usual = source.due or source.gap
        source.absent = max(self._shortest, TIMES_DUE * usual) if usual else 0.0
        deadline = monotonic + source.absent
        source.deadline = deadline if source.views is None else max(source.deadline, deadline)
        if usual and not source.waiting and not source.ended:
            self._wait(source, source.deadline)

    def resume(self, monotonic: float) -> None:
        """Take up what was restored: who is silent already, and that all others have their time from now on."""
        for standing in self._register:
            if standing.rule.on == "silence":
                source = self._sources.get(standing.source) or self._sources.add(standing.source, monotonic)
                if source is not None:
                    source.silent = True
        for source in self._sources:
            self.expect(source, monotonic)

    def end(self, source: Source) -> None:
        """Take note that the source ended or was forgotten: nothing is expected any more."""
        source.deadline = source.absent = 0.0
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
            for source in list(self._overdue):
                if self._is_silent(source, monotonic, self._since) and self._raise(source, monotonic, now):
                    del self._overdue[source]

    def view_is_gone(self, standing: Standing, most: float, monotonic: float) -> bool:
        """Return whether the view that an alert is about has not been heard for `most` seconds, though its source has."""
        source = self._sources.get(standing.source)
        if source is None or source.overdue or self._since is None or source.views is None:
            return False
        heard = max(source.heard_view(standing.view), standing.judged, self._since)
        return monotonic - heard >= max(most, source.absent)

    def _collect(self, monotonic: float, since: float) -> None:
        """Move those whose deadline has passed to the overdue ones."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= monotonic:
            source = heapq.heappop(deadlines)[2]
            source.waiting = False
            if source.ended or not source.absent:
                continue
            deadline = max(source.deadline, since + source.absent)
            if deadline > monotonic:
                self._wait(source, deadline)
            else:
                source.overdue = True
                self._overdue[source] = None

    def _wait(self, source: Source, deadline: float) -> None:
        source.waiting = True
        heapq.heappush(self._deadlines, (deadline, next(self._numbers), source))

    def _is_silent(self, source: Source, monotonic: float, since: float) -> bool:
        deadline = max(source.deadline, since + source.absent)
        host = self._sources.get(source.host) if source.is_guest else None
        if host is None:
            return monotonic >= deadline
        if host.ended or host.overdue or host.silent:
            source.vouched = None
            return False
        deadline = max(deadline, host.resumed + source.absent)
        if monotonic < deadline or host.heard < deadline:
            return False
        if source.vouched is None or source.vouched < deadline:
            source.vouched = host.heard
        return monotonic - source.vouched >= source.absent / 2

    def _raise(self, source: Source, monotonic: float, now: float) -> bool:
        """Raise the alerts of its silence; return whether none of them is still to come."""
        quiet = monotonic - source.heard
        complete = True
        for rule in self._rules_for(source):
            present = self._register.of_source(source.name).get((rule.name, ""))
            if present is not None:
                self._register.apply(present, present.course.holds(now), now)
            elif quiet < source.absent + float(rule.for_):
                complete = False
                continue
            else:
                standing = Standing(rule, source.name, "", "", Course(0.0, rule.lasting, source.arrived or now))
                standing.value = quiet
                self._register.begin(standing, now)
            source.silent = True
        return complete

    def _speaks(self, source: Source, time: float) -> None:
        present = self._register.of_source
        for standing in [standing for standing in self._register.each_of(source.name) if standing.rule.on == "silence"]:
            self._register.apply(standing, standing.course.ceases(time), time)
        source.silent = any(standing.rule.on == "silence" for standing in present(source.name).values())

    def _rules_for(self, source: Source) -> Iterator[Rule]:
        whose = "guests" if source.is_guest else "hosts"
        return (rule for rule in self._rules if rule.of == whose and fnmatchcase(source.name, rule.source))
