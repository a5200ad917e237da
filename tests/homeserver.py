"""A real Matrix homeserver on the loopback address, and people who write and read there."""

import asyncio
import hashlib
import hmac
import http.client
import json
import secrets
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nio
from nio.client.async_client import AsyncClient, AsyncClientConfig

from tests.programs import command_of

_STARTS_WITHIN: Final = 45.0  # seconds; four on an idle machine
_ENDS_WITHIN: Final = 15.0
_OFTEN: Final = {"per_second": 10_000, "burst_count": 10_000}
_CONFIGURATION: Final[dict[str, object]] = {
    "federation_domain_whitelist": [],
    "trusted_key_servers": [],
    "presence": {"enabled": False},
    "password_config": {"bcrypt_rounds": 4},
    "rc_message": _OFTEN,
    "rc_registration": _OFTEN,
    "rc_login": {"address": _OFTEN, "account": _OFTEN, "failed_attempts": _OFTEN},
    "rc_joins": {"local": _OFTEN, "remote": _OFTEN},
    "rc_joins_per_room": _OFTEN,
    "rc_invites": {"per_room": _OFTEN, "per_user": _OFTEN, "per_issuer": _OFTEN},
    "rc_media_create": _OFTEN,
}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Account:
    """Somebody whom the homeserver knows, signed in."""

    user: str
    password: str
    token: str
    device: str


@dataclass
class Homeserver:
    """Synapse with its data in `folder`. It may be stopped and started again, on the same port and with the same data."""

    folder: Path
    port: int = field(default_factory=_free_port)
    _secret: str = field(default_factory=secrets.token_hex)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address that clients use."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        if not (self.folder / "generated.yaml").exists():
            self._configure()
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(self._command("generated.yaml", "settings.json"), stdout=output, stderr=output)
        end = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "output.log").read_text()
            assert time.monotonic() < end, f"it does not answer after {_STARTS_WITHIN:g} s"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, and return once it has ended; it keeps its data."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it stopped for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def register(self, name: str) -> Account:
        """Return a new account; its name begins with `name`."""
        user, password = f"{name}-{secrets.token_hex(4)}", secrets.token_hex(8)
        nonce = self.ask("GET", "/_synapse/admin/v1/register")["nonce"]
        signed = f"{nonce}\0{user}\0{password}\0notadmin".encode()
        mac = hmac.new(self._secret.encode(), signed, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": user, "password": password, "admin": False, "mac": mac}
        answer = self.ask("POST", "/_synapse/admin/v1/register", body)
        return Account(answer["user_id"], password, answer["access_token"], answer["device_id"])

    def create_room(self, owner: Account, *members: Account) -> str:
        """Return the id of a new room that the owner and the members are in."""
        body = {"preset": "private_chat", "invite": [member.user for member in members]}
        room = str(self.ask("POST", "/_matrix/client/v3/createRoom", body, owner)["room_id"])
        for member in members:
            self.ask("POST", f"/_matrix/client/v3/join/{room}", {}, member)
        return room

    def ask(self, method: str, path: str, body: object = None, account: Account | None = None) -> Any:  # noqa: ANN401 any JSON
        """Return the answer to a request of the client API; it must be a good one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {account.token}"} if account is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == http.HTTPStatus.OK, (path, answer)
            return json.loads(answer)
        finally:
            connection.close()

    def _configure(self) -> None:
        generate = ["--server-name", "virtpulse.test", "--generate-config", "--report-stats=no"]
        folders = ["--config-directory", str(self.folder), "--data-directory", str(self.folder)]
        command = [*self._command("generated.yaml"), *generate, *folders]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)  # its log lands where it runs
        listener = {"port": self.port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False}
        settings = {
            **_CONFIGURATION,
            "listeners": [listener | {"resources": [{"names": ["client"], "compress": False}]}],
            "registration_shared_secret": self._secret,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")

    def _command(self, *files: str) -> list[str]:
        configured = [part for file in files for part in ("--config-path", str(self.folder / file))]
        return [command_of("synapse"), *configured]

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/_matrix/client/versions")
        except OSError:
            return False
        return True


class Person:
    """Somebody who looks into rooms and writes there, by matrix-nio."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._unseen: list[tuple[str, nio.Event]] = []

    async def say(self, room: str, text: str, **content: object) -> None:
        """Write a text to the room, or with `msgtype` something else."""
        body = {"msgtype": "m.text", "body": text, **content}
        answer = await self.client.room_send(room, "m.room.message", body)
        assert isinstance(answer, nio.RoomSendResponse), answer

    async def hears(
        self, room: str, wanted: Callable[[nio.RoomMessage], bool] = lambda _: True, within: float = 10.0
    ) -> nio.RoomMessage:
        """Return the next message of somebody else that is wanted; what came before it is not looked at again."""
        async with asyncio.timeout(within):
            while True:
                while self._unseen:
                    place, event = self._unseen.pop(0)
                    if place == room and isinstance(event, nio.RoomMessage) and wanted(event):
                        return event
                await self.look()

    async def look(self, wait: float = 1.0) -> Sequence[nio.Event]:
        """Wait at most `wait` seconds for what is new in all rooms, and return what others did there."""
        answer = await self.client.sync(timeout=round(wait * 1000))
        assert isinstance(answer, nio.SyncResponse), answer
        news = [
            (room, event)
            for room, joined in answer.rooms.join.items()
            for event in joined.timeline.events
            if event.sender != self.client.user_id
        ]
        self._unseen += news
        return [event for _, event in news]

    async def download(self, address: str) -> bytes:
        """Return the content of an `mxc://` address."""
        answer = await self.client.download(address)
        assert isinstance(answer, nio.MemoryDownloadResponse), answer
        return answer.body


@asynccontextmanager
async def person(homeserver: Homeserver, account: Account) -> AsyncIterator[Person]:
    """Be somebody who sees what happens in the account's rooms from now on."""
    config = AsyncClientConfig(max_timeouts=3, request_timeout=20)
    client = AsyncClient(homeserver.url, account.user, config=config)
    client.restore_login(account.user, account.device, account.token)
    try:
        someone = Person(client)
        await someone.look(wait=0.0)
        someone._unseen.clear()
        yield someone
    finally:
        await client.close()
