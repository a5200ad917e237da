"""Chats against a service that hangs, throttles and fails, by apprise's own plain form of a service."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from sinks.chat.role import ROLE
from sinks.chat.settings import ChatReceiver, ChatSettings
from tests.conftest import FakeClock
from tests.http_receiver import HttpReceiver, http_receiver
from tests.telling import alert, notification
from virtpulse.config.secrets import Secret
from virtpulse.errors import RetryableError
from virtpulse.runtime.roles import Notification, Notifier
from virtpulse.units import Duration


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as receiver:
        yield receiver


@asynccontextmanager
async def _chat(url: str, timeout: float = 10.0, clock: FakeClock | None = None) -> AsyncIterator[Notifier]:  # noqa: ASYNC109 the setting
    settings = ChatSettings(to=(ChatReceiver(name="ops", url=Secret(url)),), timeout=Duration(timeout))
    notifier = ROLE.make(settings, clock or FakeClock())
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.close()


def _told(host: str = "kvm-07", severity: str = "warning", ended: float | None = None) -> Notification:
    return notification([alert(severity=severity, began=1_799_999_000.0, ended=ended, host=host)], {"host": host})


def _hosts(server: HttpReceiver) -> list[str]:
    return [json.loads(told.body)["title"].split(":")[0] for told in server.told]


@pytest.mark.parametrize(
    ("severity", "ended", "kind"),
    [
        ("critical", None, "failure"),
        ("warning", None, "warning"),
        ("info", None, "info"),
        ("critical", 1_799_999_500.0, "success"),
    ],
)
async def test_a_service_with_a_title_gets_one_and_how_bad_it_is(
    server: HttpReceiver, severity: str, ended: float | None, kind: str
) -> None:
    async with _chat(f"json://127.0.0.1:{server.port}/") as notifier:
        await notifier.send(_told(severity=severity, ended=ended))
    sent = json.loads(server.told[0].body)
    assert sent["title"].startswith("kvm-07: ")
    assert "\n" not in sent["message"]
    assert sent["type"] == kind


async def test_a_message_that_a_slow_service_took_after_all_is_not_told_twice(server: HttpReceiver) -> None:
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    server.answers.append(slow)
    async with _chat(f"json://127.0.0.1:{server.port}/?rto=20", timeout=0.3) as notifier:
        with pytest.raises(RetryableError, match=r"chat ops: the service \(json\) did not answer within 0\.3 s"):
            await notifier.send(_told())
        with pytest.raises(RetryableError):
            await notifier.send(_told())
        go_on.set()
        await notifier.send(_told())
        assert len(server.told) == 1
        await notifier.send(_told())
        assert len(server.told) == 2


async def test_what_comes_behind_a_slow_message_waits_for_it_and_is_told_then(server: HttpReceiver) -> None:
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response(status=500)

    server.answers.append(slow)
    async with _chat(f"json://127.0.0.1:{server.port}/?rto=20", timeout=0.3) as notifier:
        with pytest.raises(RetryableError):
            await notifier.send(_told("kvm-01"))
        go_on.set()
        await notifier.send(_told("kvm-02"))
    assert _hosts(server) == ["kvm-01", "kvm-02"]


async def test_a_call_that_never_returns_is_left_behind_after_an_hour(server: HttpReceiver) -> None:
    go_on, clock = asyncio.Event(), FakeClock()

    async def stuck(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    server.answers.append(stuck)
    async with _chat(f"json://127.0.0.1:{server.port}/?rto=20", timeout=0.3, clock=clock) as notifier:
        with pytest.raises(RetryableError):
            await notifier.send(_told("kvm-01"))
        await clock.advance(3_601)
        with pytest.raises(RetryableError):
            await notifier.send(_told("kvm-02"))
        await notifier.send(_told("kvm-02"))
        go_on.set()
    assert _hosts(server) == ["kvm-01", "kvm-02"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refused the login; check user and password"),
        (404, "does not know the room or address; check its url"),
        (429, "asks to be left alone for a while"),
        (503, "has a failure of its own; see how it fares"),
    ],
)
async def test_why_a_service_failed_is_told(server: HttpReceiver, status: int, said: str) -> None:
    server.will_answer(status)
    async with _chat(f"json://anna:sesame99@127.0.0.1:{server.port}/") as notifier:
        with pytest.raises(RetryableError) as failure:
            await notifier.send(_told())
    assert str(failure.value) == f"chat ops: the service (json) {said}"


async def test_the_words_of_an_alert_are_no_reason(server: HttpReceiver) -> None:
    server.will_answer(503)
    told = _told()
    told.alerts[0].annotations["summary"] = "connection refused, error=401, throttle back 5000ms"
    async with _chat(f"json://127.0.0.1:{server.port}/") as notifier:
        with pytest.raises(RetryableError, match="has a failure of its own") as failure:
            await notifier.send(told)
    assert failure.value.after == 0


async def test_a_url_that_was_mended_in_its_file_is_used_after_the_next_failure(server: HttpReceiver, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("json://127.0.0.1:1/")
    async with _chat(f"file:{file}") as notifier:
        with pytest.raises(RetryableError, match="is not running there"):
            await notifier.send(_told())
        file.unlink()
        with pytest.raises(RetryableError, match="a secret cannot be read from"):
            await notifier.send(_told())
        file.write_text(f"json://127.0.0.1:{server.port}/")
        await notifier.send(_told())
    assert _hosts(server) == ["kvm-07"]


async def test_receivers_are_told_side_by_side(server: HttpReceiver) -> None:
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    server.answers.append(slow)
    to = tuple(ChatReceiver(name=name, url=Secret(f"json://127.0.0.1:{server.port}/?rto=20")) for name in ("ops", "pager"))
    notifier = ROLE.make(ChatSettings(to=to), FakeClock())
    one = asyncio.create_task(notifier.send(_told()))
    await server.hears(1)
    await notifier.send(notification(_told("kvm-08").alerts, {"host": "kvm-08"}, receiver="pager"))
    assert not one.done()
    go_on.set()
    await one
    await notifier.close()
