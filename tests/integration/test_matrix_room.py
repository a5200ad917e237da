"""The chat bot as a process of its own, in a room of a real homeserver, asked by people with another client."""

import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec
import nio
import pytest
from PIL import Image

from sinks.matrix.home import Home
from sinks.matrix.settings import MatrixSettings
from tests.chatting import firing, window, windows
from tests.homeserver import Account, Homeserver, Person, person
from tests.notifying import fired
from tests.telling import alert
from virtpulse.clock import SystemClock
from virtpulse.config.secrets import Secret
from virtpulse.errors import RetryableError
from virtpulse.messages.codec import encode
from virtpulse.messages.silence import Silence
from virtpulse.topics import AGGREGATES, ALERT_STATES, SILENCES
from virtpulse.transports.interface import Outgoing, Start, Transport
from virtpulse.transports.open import open_transport

pytestmark = [pytest.mark.slow, pytest.mark.needs("synapse")]

BUSY = "kvm-07/web-3"
SOON = 2.0  # seconds within which everything is answered


@dataclass
class Deployment:
    """A log, a room, the bot's account, and somebody whom the bot answers."""

    homeserver: Homeserver
    folder: Path
    transport: Transport
    bot: Account
    anna: Account
    room: str

    async def tell(self, anna: Person) -> str:
        """Let the log have windows of a busy guest and its alert; return the fingerprint once the bot knows of it."""
        now = time.time()
        made = windows(*(window(BUSY, now - 300 + 10 * index, {"vm.cpu.utilization": 63.0 + index}) for index in range(31)))
        state = firing(BUSY, now - 120, threshold="90")
        await self.transport.publish(
            [Outgoing(AGGREGATES, key, value) for key, value in zip(made.keys, made.values, strict=True)]
        )
        await self.transport.publish([Outgoing(ALERT_STATES, state.fingerprint, encode(state))])
        async with asyncio.timeout(10):
            while "no alert" in await _answer(anna, self.room, "!vp alerts"):  # noqa: ASYNC110 the bot is another process
                await asyncio.sleep(0.2)
        return state.fingerprint

    @asynccontextmanager
    async def running(self, sink: str = "matrix", ready: bytes = b"the bot listens") -> AsyncIterator[None]:
        """Have the bot, or another sink, run as a process, from when its log says that it is ready."""
        command = [sys.executable, "-m", "virtpulse", "run", "sink", sink, "--config", str(self.folder / "virtpulse.toml")]
        process = await asyncio.create_subprocess_exec(*command, cwd=self.folder, stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        said = b""
        try:
            async with asyncio.timeout(20):
                while ready not in said:
                    line = await process.stderr.readline()
                    assert line, said
                    said += line
            yield
        finally:
            process.terminate()
            _, rest = await asyncio.wait_for(process.communicate(), 20)
            (self.folder / f"{sink}.log").write_bytes(said + rest)
        assert process.returncode == 0, said + rest


@pytest.fixture
async def deployment(homeserver: Homeserver, tmp_path: Path) -> AsyncIterator[Deployment]:
    bot, anna = homeserver.register("bot"), homeserver.register("anna")
    room = homeserver.create_room(anna)
    homeserver.ask("POST", f"/_matrix/client/v3/rooms/{room}/invite", {"user_id": bot.user}, anna)
    address = f"local:{tmp_path / 'log.db'}"
    (tmp_path / "password").write_text(f"{bot.password}\n", encoding="utf-8")
    (tmp_path / "virtpulse.toml").write_text(
        f"""transport = "{address}"
[sinks.matrix]
homeserver = "{homeserver.url}"
user = "{bot.user}"
password = "file:{tmp_path / "password"}"
rooms = ["{room}"]
people = ["{anna.user}"]
commands_per_minute = 600
""",
        encoding="utf-8",
    )
    transport = open_transport(address, SystemClock())
    await transport.start()
    yield Deployment(homeserver, tmp_path, transport, bot, anna, room)
    await transport.close()


async def _answer(who: Person, room: str, command: str, within: float = SOON) -> str:
    """Ask something and return the answer, which must be a notice that mentions nobody, within two seconds."""
    await who.say(room, command)
    event = await who.hears(room, within=within)
    assert isinstance(event, nio.RoomMessageNotice), event
    assert event.source["content"]["m.mentions"] == {}
    return event.body


def _text(event: nio.RoomMessage) -> str:
    assert isinstance(event, nio.RoomMessageText)
    return event.body


async def test_each_command_is_answered_within_two_seconds(deployment: Deployment) -> None:
    room = deployment.room
    async with deployment.running(), person(deployment.homeserver, deployment.anna) as anna:
        fingerprint = await deployment.tell(anna)
        assert "1 warning fires" in await _answer(anna, room, "!vp status")
        assert "vm.cpu.utilization" in await _answer(anna, room, "!vp status kvm-07")
        assert BUSY in await _answer(anna, room, "!vp top cpu")
        assert fingerprint[:8] in await _answer(anna, room, f"{deployment.bot.user}: alerts kvm-07/*")
        assert "unsilence ID" in await _answer(anna, room, "!vp help")
        assert await _answer(anna, room, "!vp silences") == "nothing is silenced"
        assert (await _answer(anna, room, "!vp sliences")).endswith("did you mean silences?")


async def test_why_is_answered_with_a_picture_that_can_be_downloaded(deployment: Deployment) -> None:
    room = deployment.room
    async with deployment.running(), person(deployment.homeserver, deployment.anna) as anna:
        fingerprint = await deployment.tell(anna)
        text = await _answer(anna, room, f"!vp why {fingerprint[:8]}")
        event = await anna.hears(room, within=SOON)
        assert isinstance(event, nio.RoomMessageImage)
        picture = await anna.download(event.url)
    assert "vm.cpu.utilization is 93.0 %, threshold 90.0 %" in text
    assert event.source["content"]["info"] == {"mimetype": "image/png", "size": len(picture), "w": 720, "h": 300}
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("PNG", (720, 300))


async def test_a_silence_that_is_asked_for_is_on_its_topic_and_one_that_is_ended_is_off_it(deployment: Deployment) -> None:
    room = deployment.room
    follower = await deployment.transport.follow([SILENCES], Start.NOW)
    async with deployment.running(), person(deployment.homeserver, deployment.anna) as anna:
        said = await _answer(anna, room, "!vp silence host=kvm-07 for 2h new disks")
        made = await follower.read(10, 2.0)
        assert made is not None
        silence = msgspec.json.decode(made.values[0], type=Silence)
        assert said.startswith(f"silenced: {silence.id} host=kvm-07 until ")
        assert (silence.matchers, silence.reason, silence.by) == (("host=kvm-07",), "new disks", deployment.anna.user)
        assert 7190 < silence.ends - time.time() <= 7200
        assert silence.id in await _answer(anna, room, "!vp silences")
        assert (await _answer(anna, room, f"!vp unsilence {silence.id}")).startswith(f"{silence.id} silences host=kvm-07 no more")
        ended = await follower.read(10, 2.0)
        assert ended is not None
        assert [*zip(ended.keys, ended.values, strict=True)] == [(silence.id, b"")]
    await follower.close()


async def test_a_silence_asked_for_in_the_room_stops_the_next_notification_there(deployment: Deployment) -> None:
    room, homeserver = deployment.room, deployment.homeserver
    teller = homeserver.register("alerts")
    homeserver.ask("POST", f"/_matrix/client/v3/rooms/{room}/invite", {"user_id": teller.user}, deployment.anna)
    homeserver.ask("POST", f"/_matrix/client/v3/join/{room}", {}, teller)
    credentials = f"{teller.user[1:].partition(':')[0]}:{teller.password}@127.0.0.1:{homeserver.port}"
    with (deployment.folder / "virtpulse.toml").open("a", encoding="utf-8") as file:
        file.write(f"""[sinks.chat]
group_wait = "100ms"
group_interval = "200ms"
[[sinks.chat.to]]
name = "ops"
url = "matrix://{credentials}/{quote(room)}?e2ee=no&hsreq=no"
""")
    now = time.time()
    async with (
        deployment.running(),
        deployment.running("chat", b"partition taken"),
        person(homeserver, deployment.anna) as anna,
    ):
        await deployment.transport.publish(fired(alert(began=now, host="kvm-07")))
        assert "kvm-07" in _text(await anna.hears(room, within=10))
        await _answer(anna, room, "!vp silence host=kvm-08 2h")
        await deployment.transport.publish([*fired(alert(began=now, host="kvm-08")), *fired(alert(began=now, host="kvm-09"))])
        assert "kvm-09" in _text(await anna.hears(room, within=10))
        with pytest.raises(TimeoutError):
            await anna.hears(room, within=1.5)
        assert ", silenced; why" in await _answer(anna, room, "!vp alerts")


async def test_strangers_notices_and_what_was_written_before_the_start_are_not_answered(deployment: Deployment) -> None:
    room, homeserver = deployment.room, deployment.homeserver
    mallory = homeserver.register("mallory")
    homeserver.ask("POST", f"/_matrix/client/v3/rooms/{room}/invite", {"user_id": mallory.user}, deployment.anna)
    homeserver.ask("POST", f"/_matrix/client/v3/join/{room}", {}, mallory)
    async with person(homeserver, deployment.anna) as anna, person(homeserver, mallory) as stranger:
        await anna.say(room, "!vp top network")
        async with deployment.running():
            await stranger.say(room, "!vp silence host=* 2h")
            await anna.say(room, "!vp top disk", msgtype="m.notice")
            await anna.say(room, "status of everything?")
            await anna.say(room, "!vp top cpu")
            answer = await anna.hears(room, lambda event: event.sender == deployment.bot.user)
            assert isinstance(answer, nio.RoomMessageNotice)
            assert answer.body == "no windows about cpu lately"
            with pytest.raises(TimeoutError):
                await anna.hears(room, lambda event: event.sender == deployment.bot.user, within=1.0)
    log = (deployment.folder / "matrix.log").read_text(encoding="utf-8")
    assert log.count("who is not among sinks.matrix.people is ignored") == 1
    assert deployment.bot.password not in log


async def test_a_homeserver_that_was_away_is_found_again_and_nothing_is_answered_twice(deployment: Deployment) -> None:
    room = deployment.room
    async with deployment.running(), person(deployment.homeserver, deployment.anna) as anna:
        await _answer(anna, room, "!vp help")
        with deployment.homeserver.away():
            pass
        answer = await _answer(anna, room, "!vp top cpu", within=30.0)
        assert answer == "no windows about cpu lately"
        assert await _answer(anna, room, "!vp silences") == "nothing is silenced"
        with pytest.raises(TimeoutError):
            await anna.hears(room, within=1.0)


async def test_a_refused_password_is_said_without_it_and_the_right_one_is_taken_later(deployment: Deployment) -> None:
    password = deployment.folder / "password"
    settings = MatrixSettings(
        homeserver=deployment.homeserver.url, user=deployment.bot.user, password=Secret(f"file:{password}"),
        rooms=(deployment.room,), people=(deployment.anna.user,),
    )  # fmt: skip
    home = Home(settings, SystemClock())
    password.write_text("not-the-password", encoding="utf-8")
    with pytest.raises(RetryableError, match=r"refuses the password of @bot-.*; look at sinks\.matrix\.password") as error:
        await home.connect()
    assert "not-the-password" not in str(error.value)
    assert error.value.after == 60.0
    password.write_text(deployment.bot.password, encoding="utf-8")
    await home.connect()
    assert home.rooms == 1
    await home.close()


async def test_an_access_token_does_in_place_of_a_password_and_a_wrong_one_is_said_without_it(deployment: Deployment) -> None:
    settings = MatrixSettings(
        homeserver=deployment.homeserver.url, user=deployment.bot.user, token=Secret(deployment.bot.token),
        rooms=(deployment.room,), people=(deployment.anna.user,),
    )  # fmt: skip
    home = Home(settings, SystemClock())
    await home.connect()
    assert home.rooms == 1
    await home.close()
    wrong = Home(msgspec.structs.replace(settings, token=Secret("syt_wrong_token")), SystemClock())
    with pytest.raises(RetryableError, match=r"refuses the access token of @bot-") as error:
        await wrong.connect()
    assert "syt_wrong_token" not in str(error.value)
    await wrong.close()


async def test_a_room_that_the_bot_is_not_let_into_does_not_keep_it_from_the_others(deployment: Deployment) -> None:
    closed = deployment.homeserver.create_room(deployment.anna)
    settings = MatrixSettings(
        homeserver=deployment.homeserver.url, user=deployment.bot.user, password=Secret(deployment.bot.password),
        rooms=(closed, "#nowhere:virtpulse.test", deployment.room), people=(deployment.anna.user,),
    )  # fmt: skip
    home = Home(settings, SystemClock())
    await home.connect()
    assert home.rooms == 1
    await home.close()
