"""The register of a partition's alerts: which ones live, and the messages that each change of one leads to."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from processors.alerts.checks import judges
from processors.alerts.life import Course, Step
from processors.alerts.rule import Rule
from processors.alerts.sources import Sources
from processors.alerts.writing import Standing, Writer
from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.alert import WATCHDOG, Alert, AlertState
from virtpulse.messages.alert_reading import VERSION, read_state
from virtpulse.messages.moments import to_rfc3339
from virtpulse.messages.sample import host_of
from virtpulse.runtime.outgoing import dead_letter
from virtpulse.transports.interface import Message, Outgoing

Name = tuple[str, str]  # of a rule, and the metric key that it judges
NOTHING: Final[Mapping[Name, Standing]] = {}

_log = get_logger(__name__)


class Register:
    """Knows every alert that lives, by source; `outgoing` holds what is to be published since the last `taken`.

    While an alert of a host's silence fires, the alerts of its guests are remembered but kept back from the alerts topic. Those
    that still fire when the host is back are told then, at the end of the step.
    """

    def __init__(self, rules: Mapping[str, Rule], sources: Sources, writer: Writer, most: int) -> None:
        self._rules = rules
        self._sources = sources
        self._writer = writer
        self._most = most
        self._by_host: dict[str, dict[str, dict[Name, Standing]]] = {}
        self._inhibitors: dict[str, str] = {}  # the fingerprint of what keeps a host's guests back
        self._returned: set[str] = set()
        self._orphans: list[AlertState] = []
        self._outgoing: list[Outgoing] = []
        self._count = 0
        self._full = False
        self.set_aside = 0
        self.watchdog_since: float | None = None
        self.events: set[Standing] = set()

    def __len__(self) -> int:
        """Return how many alerts live."""
        return self._count

    def __iter__(self) -> Iterator[Standing]:
        """Yield every alert that lives."""
        for sources in self._by_host.values():
            for standings in sources.values():
                yield from standings.values()

    @property
    def waiting(self) -> int:
        """How many messages wait to be taken."""
        return len(self._outgoing)

    def of_source(self, source: str) -> Mapping[Name, Standing]:
        """Return the alerts of a source."""
        sources = self._by_host.get(host_of(source))
        return NOTHING if sources is None else sources.get(source, NOTHING)

    def each_of(self, source: str) -> list[Standing]:
        """Return the alerts of a source, in an order that does not depend on who wrote their states, and when."""
        return _in_order(self.of_source(source))

    def begin(self, standing: Standing, time: float) -> bool:
        """Take up a new alert whose condition holds at `time`; return False, and count it, if there are too many already."""
        if self._count >= self._most:
            if not self._full:
                _log.warning("too many alerts, no more are raised; see processors.alerts.most", most=self._most)
            self._full = True
            self.set_aside += 1
            return False
        self._full = False
        self._add(standing)
        self.apply(standing, standing.course.begin(time), time)
        return True

    def apply(self, standing: Standing, step: Step, time: float, because: str = "") -> None:
        """Write what a step of an alert's life leads to, at `time` in the source's event time."""
        match step:
            case Step.NONE:
                return
            case Step.CHANGED:
                self._remember(standing)
            case Step.FIRED:
                self._fire(standing)
            case Step.RESOLVED | Step.DROPPED:
                self._end(standing, step, time, because)

    def end_source(self, source: str, time: float, because: str, *, before: float = math.inf) -> None:
        """End the alerts of a source whose conditions began no later than `before`."""
        for standing in self.each_of(source):
            if standing.course.since <= before:
                self.apply(standing, standing.course.end(), time, because)

    def taken(self, now: float) -> list[Outgoing]:
        """Return what is to be published, after telling what was kept back for hosts that are here again."""
        for state in self._orphans:
            self._end_orphan(state, now)
        self._orphans.clear()
        for host in sorted(self._returned):
            self._release(host)
        self._returned.clear()
        found, self._outgoing = self._outgoing, []
        return found

    def restore(self, message: Message, monotonic: float) -> None:
        """Take up what an earlier worker remembered. What cannot be read is set aside; the others are taken up."""
        try:
            state = read_state(message)
        except InvalidError as error:
            self._set_aside(message, error)
            return
        if state.rule == WATCHDOG:
            self.watchdog_since = state.since
            return
        standing = self._standing(state)
        if standing is None:
            self._orphans.append(state)
            return
        standing.judged = monotonic
        standing.inhibited = None if state.inhibited is UNSET else state.inhibited
        standing.value = None if state.value is UNSET else state.value
        self._add(standing)
        self._mark_silence(standing)

    def resume(self) -> None:
        """Take note that all is restored: who keeps back the guests of a host may be gone with its rule, or its record."""
        kept_back = {host_of(standing.source) for standing in self if standing.inhibited is not None}
        self._returned |= kept_back - self._inhibitors.keys()

    def _set_aside(self, message: Message, error: InvalidError) -> None:
        """Count a record that cannot be read. It becomes a dead letter, but one of a later release is left for that."""
        _log.warning("alert state set aside", key=message.key, reason=error.reason)
        self.set_aside += 1
        if error.field != VERSION:
            nobody = message._replace(key="")  # a fingerprint is no host that a dead letter could be of
            self._outgoing += [dead_letter(nobody, error), self._writer.removal(message.key)]

    def _standing(self, state: AlertState) -> Standing | None:
        """Return the alert of a record, None if its rule is gone, judges that no more, or has given it other labels since."""
        rule = self._rules.get(state.rule)
        if rule is None or not judges(rule, state.source, state.key):
            return None
        standing = Standing(rule, state.source, state.view, state.key, _course(rule, state))
        return standing if standing.fingerprint == state.fingerprint else None

    def _fire(self, standing: Standing) -> None:
        host = host_of(standing.source)
        if standing.source != host and host in self._inhibitors:
            standing.inhibited = self._inhibitors[host]
        self._mark_silence(standing)
        self._tell(standing)

    def _tell(self, standing: Standing) -> None:
        alert = self._writer.firing(standing, self._sources.vm_id(standing.source))
        self._outgoing.append(self._writer.record(standing, alert))
        if standing.inhibited is None:
            self._outgoing.append(self._writer.message(standing.source, alert))

    def _remember(self, standing: Standing) -> None:
        fires = standing.course.fired is not None
        alert = self._writer.firing(standing, self._sources.vm_id(standing.source)) if fires else None
        self._outgoing.append(self._writer.record(standing, alert))

    def _end(self, standing: Standing, step: Step, time: float, because: str) -> None:
        self._outgoing.append(self._writer.removal(standing.fingerprint))
        if step is Step.RESOLVED and standing.inhibited is None:
            alert = self._writer.resolved(standing, time, because, self._sources.vm_id(standing.source))
            self._outgoing.append(self._writer.message(standing.source, alert))
        self._remove(standing)

    def _release(self, host: str) -> None:
        for _, standings in sorted(self._by_host.get(host, {}).items()):
            for standing in _in_order(standings):
                if standing.inhibited is not None and host not in self._inhibitors:
                    standing.inhibited = None
                    self._tell(standing)

    def _end_orphan(self, state: AlertState, now: float) -> None:
        """End an alert whose rule is gone, or does not judge it any more."""
        self._outgoing.append(self._writer.removal(state.fingerprint))
        if state.alert is UNSET or state.inhibited is not UNSET:
            return
        summary = state.alert.annotations.get("summary", "")
        ended: Alert = msgspec.structs.replace(
            state.alert,
            status="resolved",
            ends_at=to_rfc3339(now if state.fired is UNSET else max(now, state.fired)),
            text=f"[resolved, its rule has changed or is gone] {state.rule}: {summary}",
        )
        self._outgoing.append(self._writer.message(state.source, ended))

    def _mark_silence(self, standing: Standing) -> None:
        if standing.rule.of == "hosts" and standing.course.fired is not None:
            self._inhibitors[standing.source] = standing.fingerprint

    def _add(self, standing: Standing) -> None:
        sources = self._by_host.setdefault(host_of(standing.source), {})
        sources.setdefault(standing.source, {})[standing.rule.name, standing.key] = standing
        self._count += 1
        if standing.rule.on in {"sample", "deadletter"}:
            self.events.add(standing)

    def _remove(self, standing: Standing) -> None:
        host = host_of(standing.source)
        sources = self._by_host[host]
        del sources[standing.source][standing.rule.name, standing.key]
        if not sources[standing.source]:
            del sources[standing.source]
        if not sources:
            del self._by_host[host]
        self._count -= 1
        self.events.discard(standing)
        if self._inhibitors.get(standing.source) == standing.fingerprint:
            del self._inhibitors[standing.source]
            self._returned.add(standing.source)
            for other in self.of_source(standing.source).values():
                self._mark_silence(other)  # another rule may say so too


def _in_order(standings: Mapping[Name, Standing]) -> list[Standing]:
    return [standing for _, standing in sorted(standings.items())]


def _course(rule: Rule, state: AlertState) -> Course:
    course = Course(float(rule.for_), rule.lasting, state.since)
    course.fired = None if state.fired is UNSET else state.fired
    course.recovering = None if state.recovering is UNSET else state.recovering
    course.missing = None if state.missing is UNSET else state.missing
    return course
