"""The body of Alertmanager's webhook, version 4."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from virtpulse.messages.alert import Alert, Status
from virtpulse.runtime.roles import Notification


class WebhookBody(msgspec.Struct, kw_only=True, rename="camel"):
    """What Alertmanager posts to a webhook, field for field; each alert is as on the alerts topic.

    So an alert has `text`, which Alertmanager's own lacks. Whoever reads these bodies must take fields that he does not know,
    as Alertmanager adds some from release to release without another version, and a bot is spared making the line itself.
    receiver: the name of who is told. status: firing if one of the alerts is. group_labels: what they are grouped by.
    common_labels, common_annotations: what all of them have alike. truncated_alerts: how many were left out.
    """

    receiver: str
    status: Status
    alerts: Sequence[Alert]
    group_labels: Mapping[str, str]
    common_labels: Mapping[str, str]
    common_annotations: Mapping[str, str]
    external_url: str = msgspec.field(name="externalURL", default="")
    version: str = "4"
    group_key: str
    truncated_alerts: int = 0


def webhook_body(notification: Notification, most_alerts: int, external_url: str) -> WebhookBody:
    """Return the body of a notification; of more than `most_alerts` alerts it has the first."""
    alerts = notification.alerts[:most_alerts]
    return WebhookBody(
        receiver=notification.receiver,
        status="firing" if any(alert.status == "firing" for alert in alerts) else "resolved",
        alerts=alerts,
        group_labels=dict(notification.group),
        common_labels=_common([alert.labels for alert in alerts]),
        common_annotations=_common([alert.annotations for alert in alerts]),
        external_url=external_url,
        group_key=group_key(notification.group),
        truncated_alerts=len(notification.alerts) - len(alerts),
    )


def group_key(group: Mapping[str, str]) -> str:
    """Return a group's name as Alertmanager writes it: the route, which is always its root `{}`, and the group's labels."""
    labels = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(group.items()))
    return f"{{}}:{{{labels}}}"


def _common(texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not texts:
        return {}
    return dict(sorted(set.intersection(*(set(each.items()) for each in texts))))
