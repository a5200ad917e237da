"""A real Alertmanager: what it shows of our alerts, and what it tells a webhook compared with what we tell one."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sinks.alertmanager.role import ROLE
from sinks.alertmanager.settings import AlertmanagerReceiver, AlertmanagerSettings
from sinks.webhook.body import webhook_body
from tests.alertmanager import Alertmanager, alertmanager
from tests.http_receiver import HttpReceiver, http_receiver
from tests.telling import alert, notification
from virtpulse.clock import SystemClock
from virtpulse.config.secrets import Secret
from virtpulse.errors import RefusedError
from virtpulse.messages.alert import Alert
from virtpulse.messages.codec import encode
from virtpulse.runtime.roles import Notifier

pytestmark = [pytest.mark.slow, pytest.mark.needs("alertmanager")]


@pytest.fixture
async def hook() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as receiver:
        yield receiver


@pytest.fixture
async def server(tmp_path: Path, hook: HttpReceiver) -> AsyncIterator[Alertmanager]:
    with alertmanager(tmp_path, hook.url) as running:
        yield running


@pytest.fixture
async def notifier(server: Alertmanager) -> AsyncIterator[Notifier]:
    settings = AlertmanagerSettings(to=(AlertmanagerReceiver(name="ops", url=Secret(server.url)),))
    made = ROLE.make(settings, SystemClock())
    await made.start()
    yield made
    await made.close()


def _alerts(now: float, ended: float | None = None) -> list[Alert]:
    return [
        alert("CpuBusy", began=now - 600, ended=ended, vm="web-3"),
        alert("CpuBusy", began=now - 600, ended=ended, vm="web-4", device='ü " \\ {}'),
        alert("DiskSlow", "critical", began=now - 600, ended=ended, device="sda"),
    ]  # fmt: skip


async def test_it_shows_our_alerts_with_our_fingerprints_until_they_are_resolved(
    server: Alertmanager, notifier: Notifier
) -> None:
    now = SystemClock().time()
    firing = _alerts(now)
    await notifier.send(notification(firing))
    await notifier.send(notification(firing, news=[]))
    shown = await server.amtool("alert", "query")
    assert {one["fingerprint"]: one["labels"] for one in shown} == {one.fingerprint: one.labels for one in firing}
    assert {one["fingerprint"]: one["annotations"] for one in shown} == {one.fingerprint: one.annotations for one in firing}
    await notifier.send(notification([*firing[:2], *_alerts(now, now - 1)[2:]]))
    assert {one["fingerprint"] for one in await server.amtool("alert", "query")} == {one.fingerprint for one in firing[:2]}
    await notifier.send(notification(_alerts(now, now - 1)[:2]))
    assert await server.amtool("alert", "query") == []


async def test_an_alert_of_a_source_whose_clock_is_ahead_is_taken_and_vanishes(server: Alertmanager, notifier: Notifier) -> None:
    now = SystemClock().time()
    await notifier.send(notification([alert(began=now + 500)]))
    assert len(server.ask("alerts")) == 1
    await notifier.send(notification([alert(began=now + 500, ended=now + 560)]))
    await asyncio.sleep(0.01)  # it has ended once the millisecond is over that it was posted in
    assert server.ask("alerts") == []


async def test_what_it_does_not_take_is_refused_with_its_reason(notifier: Notifier) -> None:
    wrong = alert(began=SystemClock().time())
    wrong.labels["not a name"] = "x"
    with pytest.raises(RefusedError, match=r"alertmanager ops: .* refuses this notification \(HTTP 400\): .*invalid label"):
        await notifier.send(notification([wrong]))


async def test_one_alert_that_it_does_not_take_keeps_no_other_one_from_being_shown(
    server: Alertmanager, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.alertmanager.notifier._MOST_ALERTS", 10)
    alerts = [alert(began=SystemClock().time(), vm=f"web-{number:02}") for number in range(25)]
    alerts[3].labels["not a name"] = "x"
    with pytest.raises(RefusedError) as refused:
        await notifier.send(notification(alerts))
    assert list(refused.value.reasons) == [3]
    assert "invalid label" in refused.value.reasons[3]
    assert len(server.ask("alerts")) == 24


async def test_it_takes_what_is_valid_of_a_post_that_it_refuses_so_that_a_repetition_is_posted_once(
    server: Alertmanager, notifier: Notifier
) -> None:
    alerts = [alert(began=SystemClock().time(), vm=f"web-{number:02}") for number in range(5)]
    alerts[3].labels["not a name"] = "x"
    with pytest.raises(RefusedError) as refused:
        await notifier.send(notification(alerts, news=[]))
    assert list(refused.value.reasons) == [0, 1, 2, 3, 4]
    assert len(server.ask("alerts")) == 4


async def test_our_webhooks_have_the_keys_and_types_and_values_of_its_own(hook: HttpReceiver, notifier: Notifier) -> None:
    now = round(SystemClock().time())
    alerts = _alerts(now)[:2]
    await notifier.send(notification(alerts))
    (told,) = await hook.hears(1, within=20)
    theirs = json.loads(told.body)
    ours = json.loads(encode(webhook_body(notification(alerts, {"alertname": "CpuBusy", "host": "kvm-07"}), 500, "")))
    for one in ours["alerts"]:
        assert isinstance(one.pop("text"), str)
    assert _shape(ours) == _shape(theirs)
    same = ("version", "status", "receiver", "groupKey", "groupLabels", "commonLabels", "commonAnnotations", "truncatedAlerts")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    for name in ("fingerprint", "labels", "annotations", "status", "endsAt"):
        assert _by_vm(ours, name) == _by_vm(theirs, name)


def _by_vm(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {one["labels"]["vm"]: one[name] for one in body["alerts"]}


def _shape(value: object) -> object:
    """Return the keys, and types in the place of values; of an array the first element's."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in sorted(value.items())}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_shape(inner) for inner in value[:1]]
    return type(value).__name__
