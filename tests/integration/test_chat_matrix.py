"""Chats in a real Matrix room, by apprise, as another person in the room sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import nio
import pytest

from sinks.chat.role import ROLE
from sinks.chat.settings import ChatReceiver, ChatSettings
from tests.homeserver import Account, Homeserver, Person, person
from tests.telling import alert, notification
from virtpulse.clock import SystemClock
from virtpulse.config.secrets import Secret
from virtpulse.errors import RetryableError
from virtpulse.logs import configure
from virtpulse.runtime.roles import Notification, Notifier
from virtpulse.units import Duration

pytestmark = [pytest.mark.slow, pytest.mark.needs("synapse")]


@dataclass
class Room:
    """A room with the account that tells of alerts and somebody who reads."""

    homeserver: Homeserver
    id: str
    teller: Account
    reader: Person

    def url(self, credentials: str) -> str:
        """Return the room as apprise writes it."""
        return f"matrix://{credentials}@127.0.0.1:{self.homeserver.port}/{quote(self.id)}?e2ee=no&hsreq=no"

    @property
    def password(self) -> str:
        return f"{quote(self.teller.user.partition(':')[0].removeprefix('@'))}:{self.teller.password}"

    async def reads(self) -> list[str]:
        """Return what was said since the last look."""
        events = await self.reader.look(wait=0.5)
        return [event.body for event in events if isinstance(event, nio.RoomMessageText)]


@pytest.fixture
async def room(homeserver: Homeserver) -> AsyncIterator[Room]:
    teller, reader = homeserver.register("alerts"), homeserver.register("anna")
    name = homeserver.create_room(teller, reader)
    async with person(homeserver, reader) as someone:
        yield Room(homeserver, name, teller, someone)


@asynccontextmanager
async def _chat(url: str, timeout: float = 20.0) -> AsyncIterator[Notifier]:  # noqa: ASYNC109 the setting
    settings = ChatSettings(to=(ChatReceiver(name="ops", url=Secret(url)),), timeout=Duration(timeout))
    notifier = ROLE.make(settings, SystemClock())
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.close()


def _sixty(*, host: str = "kvm-07") -> Notification:
    now = SystemClock().time()
    alerts = [alert(began=now, host=host, vm=f"web-{number}") for number in range(60)]
    return notification(alerts, {"host": host})


async def test_sixty_alerts_of_a_host_are_one_message_of_twenty_lines_with_a_count(room: Room) -> None:
    async with _chat(room.url(room.password)) as notifier:
        await notifier.send(_sixty())
        (text,) = await room.reads()
        lines = text.split("\n")
        assert len(lines) == 20
        assert lines[0] == "kvm-07: 🟠 60 warning"
        assert lines[-1] == "… and 42 more: CpuBusy 42"


async def test_a_name_from_outside_mentions_nobody(room: Room) -> None:
    now = SystemClock().time()
    hostile = alert(began=now, vm="@room <!channel> [x](http://evil.example)\nsecond line")
    async with _chat(room.url(room.password)) as notifier:
        await notifier.send(notification([hostile]))
    (text,) = await room.reads()
    assert len(text.split("\n")) == 2
    assert "@" not in text
    assert "(at)room" in text
    assert "http[:]//evil" in text


@pytest.mark.parametrize("how", ["password", "token"])
async def test_each_of_several_messages_arrives_once_however_one_signs_in(room: Room, how: str) -> None:
    credentials = room.password if how == "password" else room.teller.token
    async with _chat(room.url(credentials)) as notifier:
        for host in ("kvm-01", "kvm-02", "kvm-03"):
            await notifier.send(_sixty(host=host))
    assert [text.split(":")[0] for text in await room.reads()] == ["kvm-01", "kvm-02", "kvm-03"]


async def test_a_homeserver_that_is_away_is_told_once_it_is_back(room: Room) -> None:
    async with _chat(room.url(room.password)) as notifier:
        await notifier.send(_sixty(host="kvm-01"))
        with (
            room.homeserver.away(),
            pytest.raises(RetryableError, match=r"\(matrix\) is not running there \(connection refused\)"),
        ):
            await notifier.send(_sixty(host="kvm-02"))
        await notifier.send(_sixty(host="kvm-02"))
    assert [text.split(":")[0] for text in await room.reads()] == ["kvm-01", "kvm-02"]


@pytest.mark.usefixtures("logs_as_before")
async def test_a_wrong_password_is_told_without_it(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="debug")
    user = room.password.partition(":")[0]
    async with _chat(room.url(f"{user}:sesame99sesame99")) as notifier:
        with pytest.raises(RetryableError) as failure:
            await notifier.send(_sixty())
    assert str(failure.value) == "chat ops: the service (matrix) refused the login; check user and password"
    logged = capsys.readouterr().err
    assert "urllib3" in logged
    assert "sesame" not in logged


async def test_a_room_that_does_not_let_us_in_is_told(homeserver: Homeserver, room: Room) -> None:
    stranger = homeserver.register("stranger")
    name = stranger.user.partition(":")[0].removeprefix("@")
    async with _chat(room.url(f"{name}:{stranger.password}")) as notifier:
        with pytest.raises(
            RetryableError, match=r"\(matrix\) does not let us into the room; check its name, and invite the user"
        ):
            await notifier.send(_sixty())


async def test_a_signed_in_session_that_the_server_ended_is_made_anew(room: Room) -> None:
    async with _chat(room.url(room.password)) as notifier:
        await notifier.send(_sixty(host="kvm-01"))
        room.homeserver.ask("POST", "/_matrix/client/v3/logout/all", {}, room.teller)
        with pytest.raises(RetryableError, match=r"refused the login|does not let us into the room"):
            await notifier.send(_sixty(host="kvm-02"))
        await notifier.send(_sixty(host="kvm-02"))
    assert [text.split(":")[0] for text in await room.reads()] == ["kvm-01", "kvm-02"]
