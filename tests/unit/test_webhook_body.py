from typing import Final

import msgspec

from sinks.webhook.body import group_key, webhook_body
from tests.telling import alert, notification

NOW: Final = 1_800_000_000.0


def test_a_body_has_what_its_alerts_have_in_common_and_fires_while_one_does() -> None:
    alerts = [alert(began=NOW, vm="web-3"), alert(began=NOW, ended=NOW + 60, vm="web-4")]
    body = webhook_body(notification(alerts, {"alertname": "CpuBusy", "host": "kvm-07"}), 500, "https://virtpulse.example.org")
    assert body.status == "firing"
    assert body.common_labels == {"alertname": "CpuBusy", "host": "kvm-07", "severity": "warning"}
    assert body.common_annotations == {"advice": "look at top", "value": "93"}
    assert body.group_labels == {"alertname": "CpuBusy", "host": "kvm-07"}
    assert body.group_key == '{}:{alertname="CpuBusy", host="kvm-07"}'
    assert body.truncated_alerts == 0


def test_a_body_of_resolved_alerts_is_resolved() -> None:
    assert webhook_body(notification([alert(began=NOW, ended=NOW + 60)]), 500, "").status == "resolved"


def test_of_more_alerts_than_are_wanted_the_first_are_told_and_the_others_counted() -> None:
    alerts = [alert(began=NOW, vm=f"web-{number}") for number in range(12)]
    body = webhook_body(notification(alerts), 10, "")
    assert [one.labels["vm"] for one in body.alerts] == [f"web-{number}" for number in range(10)]
    assert body.truncated_alerts == 2


def test_the_fields_are_named_as_alertmanager_names_them() -> None:
    document = msgspec.json.decode(msgspec.json.encode(webhook_body(notification([alert(began=NOW)]), 500, "")))
    assert document["version"] == "4"
    assert set(document) == {
        "receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "version", "groupKey",
        "truncatedAlerts",
    }  # fmt: skip
    assert set(document["alerts"][0]) == {
        "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint", "text",
    }  # fmt: skip


def test_the_key_of_a_group_quotes_its_values() -> None:
    assert group_key({"b": 'say "x"\n', "a": "ü"}) == '{}:{a="ü", b="say \\"x\\"\\n"}'
    assert group_key({}) == "{}:{}"
