"""What the chat bot hears of a homeserver that does not do as it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from sinks.matrix.home import Home
from tests.chatting import SETTINGS
from tests.conftest import FakeClock
from virtpulse.config.secrets import Secret

(ROOM,) = SETTINGS.rooms
OTHER = "!elsewhere:virtpulse.test"


def written(text: str) -> dict[str, object]:
    event = {
        "type": "m.room.message",
        "event_id": f"${text}",
        "sender": "@anna:virtpulse.test",
        "origin_server_ts": 1_800_000_000_000,
        "content": {"msgtype": "m.text", "body": text},
    }
    timeline = {"events": [event], "limited": False, "prev_batch": "p"}
    return {"timeline": timeline, "state": {"events": []}, "account_data": {"events": []}, "ephemeral": {"events": []}}


async def answer(request: web.Request) -> web.Response:
    """Answer as a homeserver that tells of every room that the bot is in, whatever it asks for."""
    path = request.path
    if path.endswith("/whoami"):
        return web.json_response({"user_id": SETTINGS.user, "device_id": "virtpulse", "is_guest": False})
    if "/join/" in path:
        return web.json_response({"room_id": ROOM})
    if path.endswith("/sync"):
        rooms = {"join": {OTHER: written("!vp silence host=a 2h"), ROOM: written("!vp status")}, "invite": {}, "leave": {}}
        return web.json_response({"next_batch": "n", "rooms": rooms})
    return web.json_response({"displayname": "virtpulse"})


@asynccontextmanager
async def homeserver() -> AsyncIterator[str]:
    """Serve, and yield the URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_what_is_written_in_a_room_that_is_not_configured_is_not_heard(fake_clock: FakeClock) -> None:
    async with homeserver() as url:
        home = Home(msgspec.structs.replace(SETTINGS, homeserver=url, token=Secret("t")), fake_clock)
        try:
            await home.connect()
            heard = await home.listen()
        finally:
            await home.close()
    assert [(said.room, said.body) for said in heard] == [(ROOM, "!vp status")]
