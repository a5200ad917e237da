"""Webhooks and Alertmanagers against a real HTTP server that refuses, hangs, redirects and talks too much."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from sinks.alertmanager.role import ROLE as ALERTMANAGER
from sinks.alertmanager.settings import AlertmanagerReceiver, AlertmanagerSettings
from sinks.webhook.role import ROLE as WEBHOOK
from sinks.webhook.settings import WebhookReceiver, WebhookSettings
from tests.conftest import FakeClock
from tests.http_receiver import HttpReceiver, free_port, http_receiver
from tests.telling import alert, notification
from virtpulse.config.secrets import Secret
from virtpulse.errors import RefusedError, RetryableError
from virtpulse.runtime.roles import Notification, Notifier
from virtpulse.units import Duration

NOW: Final = 1_800_000_000.0
KEY: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _told() -> Notification:
    return notification([alert(began=NOW - 60, vm="web-3")])


@asynccontextmanager
async def _webhook(url: str, timeout: float = 10.0, clock: FakeClock | None = None, **settings: Any) -> AsyncIterator[Notifier]:  # noqa: ANN401, ASYNC109 whatever a receiver has; the setting is what is tested
    receiver = WebhookReceiver(name="ops", url=Secret(url), **settings)
    notifier = WEBHOOK.make(WebhookSettings(to=(receiver,), timeout=Duration(timeout)), clock or FakeClock())
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.close()


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as receiver:
        yield receiver


async def test_a_webhook_gets_the_body_as_json(server: HttpReceiver) -> None:
    async with _webhook(server.url, authorization=Secret("Bearer sesame99")) as notifier:
        await notifier.send(_told())
    (told,) = server.told
    assert told.path == "/hook"
    assert told.headers["content-type"] == "application/json"
    assert told.headers["authorization"] == "Bearer sesame99"
    assert told.headers["user-agent"].startswith("virtpulse/")
    assert json.loads(told.body)["receiver"] == "ops"


async def test_a_user_and_password_in_the_url_are_a_login(server: HttpReceiver) -> None:
    async with _webhook(server.url.replace("://", "://anna:sesame99@")) as notifier:
        await notifier.send(_told())
    assert server.told[0].headers["authorization"] == f"Basic {base64.b64encode(b'anna:sesame99').decode()}"


async def test_a_signed_body_can_be_checked_and_one_that_is_sent_again_keeps_its_id(server: HttpReceiver) -> None:
    clock = FakeClock()
    server.will_answer(500)
    async with _webhook(server.url, clock=clock, secret=Secret(KEY)) as notifier:
        with pytest.raises(RetryableError):
            await notifier.send(_told())
        await clock.advance(30)
        await notifier.send(_told())
        await notifier.send(_told())
    ids = [told.headers["webhook-id"] for told in server.told]
    assert ids[0] == ids[1] != ids[2]
    assert [told.headers["webhook-timestamp"] for told in server.told[:2]] == ["1800000000", "1800000030"]
    for told in server.told:
        content = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode() + told.body
        digest = hmac.digest(base64.b64decode(KEY.removeprefix("whsec_")), content, hashlib.sha256)
        assert told.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (301, "redirects, which is not followed; correct its url"),
        (401, "refused the login; correct its authorization"),
        (403, "does not allow it; correct its authorization"),
        (404, "has nothing at this path; correct its url"),
        (405, "takes no POST at this path"),
        (408, "waited for the notification in vain"),
        (500, "has a failure of its own"),
        (502, "has a failure of its own"),
    ],
)
async def test_what_may_be_mended_is_tried_again_and_says_what_to_do(server: HttpReceiver, status: int, said: str) -> None:
    server.will_answer(status, "no @room for <b>sesame99</b>", Location="http://127.0.0.1:1/elsewhere")
    async with _webhook(server.url, authorization=Secret("Bearer sesame99")) as notifier:
        with pytest.raises(RetryableError) as failure:
            await notifier.send(_told())
    where = f"webhook ops: http://127.0.0.1:{server.port} "
    assert str(failure.value).startswith(where + said)
    assert str(failure.value).endswith(f" (HTTP {status}): no (at)room for ‹b›∗∗∗‹/b›")  # noqa: RUF001 as they are shown
    assert len(server.told) == 1


async def test_a_webhook_that_refuses_a_body_refuses_each_of_its_alerts(server: HttpReceiver) -> None:
    server.will_answer(400, "bad labels")
    async with _webhook(server.url) as notifier:
        with pytest.raises(RefusedError) as refusal:
            await notifier.send(notification([alert(began=NOW - 60, vm=f"web-{number}") for number in range(3)]))
    assert [reason[-10:] for reason in refusal.value.reasons.values()] == ["bad labels"] * 3
    assert list(refusal.value.reasons) == [0, 1, 2]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_will_never_be_taken_is_refused(server: HttpReceiver, status: int) -> None:
    server.will_answer(status, "bad labels")
    async with _webhook(server.url) as notifier:
        with pytest.raises(RefusedError, match=rf"webhook ops: .* refuses this notification \(HTTP {status}\): bad labels"):
            await notifier.send(_told())


@pytest.mark.parametrize(
    ("asked", "after"),
    [
        ("7", 7.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("999999999999", 3600.0),
        ("9" * 4000, 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_to_be_left_alone_is_for_at_most_an_hour(
    server: HttpReceiver, status: int, asked: str, after: float
) -> None:
    server.will_answer(status, **{"Retry-After": asked})
    async with _webhook(server.url) as notifier:
        with pytest.raises(RetryableError, match="asks to be left alone") as failure:
            await notifier.send(_told())
    assert failure.value.after == after


@pytest.mark.slow
async def test_a_receiver_that_hangs_is_given_up_after_the_timeout(server: HttpReceiver) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.answers.append(hang)
    async with _webhook(server.url, timeout=0.2) as notifier:
        with pytest.raises(RetryableError, match=r"did not answer within 0\.2 s; .* raise sinks\.webhook\.timeout"):
            await notifier.send(_told())
        await notifier.send(_told())
    assert len(server.told) == 2


async def test_an_answer_without_end_is_read_no_further_than_an_error_shows(server: HttpReceiver) -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while sent < 256 << 20:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    server.answers.append(pour)
    async with _webhook(server.url) as notifier:
        with pytest.raises(RefusedError) as failure:
            await notifier.send(_told())
    assert len(str(failure.value)) < 500
    assert sent < 64 << 20


async def test_a_receiver_that_is_not_there_is_named_without_its_secrets() -> None:
    async with _webhook(f"http://anna:sesame99@127.0.0.1:{free_port()}/T0KEN-T0KEN-T0KEN-T0KEN?key=sesame98") as notifier:
        with pytest.raises(RetryableError, match=r"webhook ops: http://127\.0\.0\.1:\d+ cannot be reached \(.*\)") as failure:
            await notifier.send(_told())
    assert "sesame" not in str(failure.value)
    assert "T0KEN" not in str(failure.value)


async def test_a_connection_that_is_broken_off_is_tried_again() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with listener, _webhook(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/") as notifier:
        with pytest.raises(RetryableError, match="broke the connection off"):
            await notifier.send(_told())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate of the loopback address, and the key beside it."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, *files, *names], check=True, capture_output=True)
    return tmp_path / "ca.pem"


async def test_a_certificate_is_believed_only_from_the_authority_that_is_named(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with http_receiver(context) as receiver:
        async with _webhook(receiver.url) as doubting:
            with pytest.raises(RetryableError, match="cannot prove that it is itself; give the file of its authority's"):
                await doubting.send(_told())
        async with _webhook(receiver.url, ca=certificate) as believing:
            await believing.send(_told())
        assert len(receiver.told) == 1


async def test_a_secret_that_changes_is_read_anew_and_one_that_is_lost_is_waited_for(
    server: HttpReceiver, tmp_path: Path
) -> None:
    file = tmp_path / "authorization"
    file.write_text("Bearer one\n")
    async with _webhook(server.url, authorization=Secret(f"file:{file}")) as notifier:
        await notifier.send(_told())
        file.write_text("Bearer two\n")
        await notifier.send(_told())
        file.unlink()
        with pytest.raises(RetryableError, match="a secret cannot be read from"):
            await notifier.send(_told())
    assert [told.headers["authorization"] for told in server.told] == ["Bearer one", "Bearer two"]


async def test_an_alertmanager_is_posted_to_below_the_path_of_its_url_in_bounded_pieces(server: HttpReceiver) -> None:
    receiver = AlertmanagerReceiver(name="ops", url=Secret(f"http://127.0.0.1:{server.port}/monitoring/"))
    notifier = ALERTMANAGER.make(AlertmanagerSettings(to=(receiver,)), FakeClock())
    await notifier.start()
    await notifier.send(notification([alert(began=NOW, vm=f"web-{number}") for number in range(1_500)]))
    await notifier.close()
    assert [told.path for told in server.told] == ["/monitoring/api/v2/alerts"] * 2
    assert [len(json.loads(told.body)) for told in server.told] == [1_000, 500]
