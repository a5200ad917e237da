"""Alerts and notifications for tests of those who tell of them."""

from collections.abc import Iterable, Mapping

from virtpulse.messages.alert import Alert, fingerprint
from virtpulse.messages.moments import NEVER, to_rfc3339
from virtpulse.runtime.roles import Notification


def alert(rule: str = "CpuBusy", severity: str = "warning", *, began: float, ended: float | None = None, **rest: str) -> Alert:
    """Return an alert of the host kvm-07 that began at a moment; with `ended` it is resolved. rest: more labels, and others."""
    labels = {"alertname": rule, "severity": severity, "host": "kvm-07", **rest}
    source = "/".join(labels[name] for name in ("host", "vm") if name in labels)
    return Alert(
        status="firing" if ended is None else "resolved",
        labels=labels,
        annotations={"summary": f"{source} uses 93 % of its CPU", "advice": "look at top", "value": "93"},
        starts_at=to_rfc3339(began),
        ends_at=NEVER if ended is None else to_rfc3339(ended),
        fingerprint=fingerprint(labels),
        text=f"[{severity}] {rule} {source}",
    )


def notification(
    alerts: Iterable[Alert], group: Mapping[str, str] | None = None, *, news: Iterable[Alert] | None = None, receiver: str = "ops"
) -> Notification:
    """Return what a receiver is told of alerts, all of which are news unless `news` says which."""
    told = tuple(alerts)
    fresh = frozenset(one.fingerprint for one in (told if news is None else news))
    return Notification(receiver, group if group is not None else {"host": "kvm-07"}, told, fresh)
