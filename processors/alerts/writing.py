"""What an alert says: its labels, annotations and text, and the messages that carry it."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from processors.alerts.life import Course
from processors.alerts.placeholders import fill
from processors.alerts.rule import Rule
from virtpulse.catalogue import split_key
from virtpulse.harmless import harmless
from virtpulse.messages.alert import WATCHDOG, Alert, AlertState, Status, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import NEVER, to_rfc3339
from virtpulse.messages.sample import host_of
from virtpulse.topics import ALERT_STATES, ALERTS
from virtpulse.transports.interface import Outgoing
from virtpulse.wording import lasting

_USUAL: Final = (None, "ratio", "mean")  # statistics that a value is taken for where nothing is said


class Standing:
    """An alert that lives, pending or firing: of which rule and what, and where it is in its life.

    view: whose samples are judged; others that report the same metric have no say while it lives. value: what was judged when it
    was written last, None for a rule without a number. judged: when, by the worker's monotonic clock. inhibited: the fingerprint
    of what keeps it back.
    """

    __slots__ = ("course", "fingerprint", "inhibited", "judged", "key", "rule", "source", "value", "view")

    def __init__(self, rule: Rule, source: str, view: str, key: str, course: Course) -> None:
        self.rule = rule
        self.source = source
        self.view = view
        self.key = key
        self.course = course
        self.fingerprint = fingerprint(labels_of(rule, source, key))
        self.value: float | None = None
        self.judged = 0.0
        self.inhibited: str | None = None


def labels_of(rule: Rule, source: str, key: str) -> dict[str, str]:
    """Return the labels of the alerts that a rule raises of this; none is empty, as an empty one is the same as none."""
    host, _, vm = source.partition("/")
    metric, device = split_key(key)
    found = {
        **rule.labels,
        "alertname": rule.name,
        "severity": rule.severity,
        "host": host,
        "vm": vm,
        "metric": metric,
        "device": device,
    }
    return {name: value for name, value in found.items() if value}


class Writer:
    """Writes the messages of a partition's alerts."""

    def __init__(self, runbook_base: str, partition: int) -> None:
        self._runbook_base = runbook_base
        self._partition = partition

    def firing(self, standing: Standing, vm_id: str) -> Alert:
        """Return the alert as it fires."""
        return self._alert(standing, "firing", NEVER, f"[{standing.rule.severity}]", vm_id)

    def resolved(self, standing: Standing, time: float, because: str, vm_id: str) -> Alert:
        """Return the alert as it ends at `time`; `because` says why where its condition does not."""
        began = _began(standing.course)
        end = max(time, began)  # which a source's clock may have been ahead of
        mark = f"[resolved after {lasting(end - began)}{', ' if because else ''}{because}]"
        return self._alert(standing, "resolved", to_rfc3339(end), mark, vm_id)

    def message(self, source: str, alert: Alert) -> Outgoing:
        """Return the message that tells everybody."""
        return Outgoing(ALERTS, host_of(source), encode(alert), self._partition)

    def record(self, standing: Standing, alert: Alert | None) -> Outgoing:
        """Return the message that remembers the alert as it is."""
        course = standing.course
        state = AlertState(
            fingerprint=standing.fingerprint,
            state=course.life,
            rule=standing.rule.name,
            source=standing.source,
            view=standing.view,
            key=standing.key,
            since=course.since,
            fired=UNSET if course.fired is None else course.fired,
            recovering=UNSET if course.recovering is None else course.recovering,
            missing=UNSET if course.missing is None else course.missing,
            value=UNSET if standing.value is None else standing.value,
            inhibited=UNSET if standing.inhibited is None else standing.inhibited,
            alert=UNSET if alert is None else alert,
        )
        return Outgoing(ALERT_STATES, standing.fingerprint, encode(state), self._partition)

    def removal(self, key: str) -> Outgoing:
        """Return the message that forgets the alert whose fingerprint is `key`."""
        return Outgoing(ALERT_STATES, key, b"", self._partition)

    def watchdog(self, now: float, since: float) -> Outgoing:
        """Return the record of the alert that always fires, as it beats now."""
        labels = {"alertname": WATCHDOG, "severity": "none"}
        text = "[none] Watchdog: the alerts are being judged; when this stops, the pipeline does not work any more"
        about = {"summary": "Alerts are being judged.", "since": to_rfc3339(since)}
        alert = Alert(
            status="firing",
            labels=labels,
            annotations=about,
            starts_at=to_rfc3339(since),
            fingerprint=fingerprint(labels),
            text=text,
        )
        state = AlertState(
            fingerprint=alert.fingerprint, state="firing", rule=WATCHDOG, source="", since=since, fired=now, alert=alert
        )
        return Outgoing(ALERT_STATES, alert.fingerprint, encode(state), self._partition)

    def _alert(self, standing: Standing, status: Status, end: str, mark: str, vm_id: str) -> Alert:
        rule, course = standing.rule, standing.course
        labels = labels_of(rule, standing.source, standing.key)
        values = self._values(standing, labels)
        summary = fill(rule.summary, values) or _plain_summary(standing)
        about = {
            "summary": summary,
            "advice": fill(rule.advice, values),
            "runbook_url": f"{self._runbook_base}{rule.runbook}" if rule.runbook else "",
            "value": "" if standing.value is None else f"{standing.value:.6g}",
            "threshold": "" if rule.threshold is None else f"{rule.threshold:.6g}",
            "statistic": "" if rule.statistic in _USUAL else str(rule.statistic),
            "since": to_rfc3339(course.since),
            "vm_id": harmless(vm_id),
        }
        subject = harmless(" ".join(text for text in (standing.source, labels.get("device", "")) if text))
        return Alert(
            status=status,
            labels=labels,
            annotations={name: text for name, text in about.items() if text},
            starts_at=to_rfc3339(_began(course)),
            ends_at=end,
            fingerprint=standing.fingerprint,
            text=" ".join(f"{mark} {rule.name} {subject}".split()) + f": {summary}",
        )

    @staticmethod
    def _values(standing: Standing, labels: Mapping[str, str]) -> dict[str, str | float]:
        rule = standing.rule
        values: dict[str, str | float] = {name: harmless(text) for name, text in labels.items()}
        values["source"] = harmless(standing.source)
        numbers = {"value": standing.value, "threshold": rule.threshold}
        return {**values, **{name: number for name, number in numbers.items() if number is not None}}


def _began(course: Course) -> float:
    return course.since if course.fired is None else course.fired


def _plain_summary(standing: Standing) -> str:
    if standing.value is None:
        return f"{standing.rule.name} holds"
    return f"{harmless(standing.key) or standing.rule.statistic or standing.rule.name} is {standing.value:.4g}"
