"""The homeserver that tests of chats run against."""

import io

import nio
import pytest

from tests.homeserver import Homeserver, person

pytestmark = [pytest.mark.slow, pytest.mark.needs("synapse")]


async def test_a_person_hears_what_another_says_in_their_room_and_after_a_restart_of_the_server(homeserver: Homeserver) -> None:
    anna, bert = homeserver.register("anna"), homeserver.register("bert")
    room = homeserver.create_room(anna, bert)
    async with person(homeserver, anna) as speaker, person(homeserver, bert) as listener:
        await speaker.say(room, "one")
        first = await listener.hears(room)
        with homeserver.away():
            pass
        await speaker.say(room, "two")
        second = await listener.hears(room)
    assert isinstance(first, nio.RoomMessageText)
    assert isinstance(second, nio.RoomMessageText)
    assert [first.body, second.body] == ["one", "two"]


async def test_what_one_uploads_another_downloads(homeserver: Homeserver) -> None:
    anna = homeserver.register("anna")
    async with person(homeserver, anna) as someone:
        answer, _ = await someone.client.upload(io.BytesIO(b"picture"), "image/png", filesize=7)
        assert isinstance(answer, nio.UploadResponse)
        assert await someone.download(answer.content_uri) == b"picture"
