"""The bot's homeserver, by matrix-nio: signing in, listening, saying. Nothing else of the project imports nio."""

import asyncio
import html
import ssl
from collections.abc import Coroutine
from io import BytesIO
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
from nio.client.async_client import AsyncClient, AsyncClientConfig
from nio.events.room_events import MegolmEvent, RoomMessageText
from nio.responses import (
    ErrorResponse,
    JoinResponse,
    LoginResponse,
    ProfileGetDisplayNameResponse,
    Response,
    RoomSendResponse,
    SyncResponse,
    UploadResponse,
    WhoamiResponse,
)

from sinks.matrix.answer import Answer
from sinks.matrix.picture import HEIGHT, WIDTH
from sinks.matrix.settings import MatrixSettings
from virtpulse.clock import Clock
from virtpulse.errors import FatalError, RefusedError, RetryableError
from virtpulse.harmless import harmless
from virtpulse.logs import get_logger

R = TypeVar("R", bound=Response)

POLL: Final = 30.0  # seconds that the homeserver holds a question for news back while there are none

_WITHIN: Final = 20.0  # seconds that any other answer may take
_REFUSED_PAUSE: Final = 60.0  # seconds between two attempts with a password that was refused; homeservers lock users out
_MOST_EVENTS: Final = 50  # of a room that are looked at after a pause, the latest
_NOT_INVITED: Final = frozenset({"M_FORBIDDEN", "M_NOT_FOUND", "M_UNKNOWN", "M_INVALID_PARAM"})
_SIGNED_OUT: Final = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"})
_REJOIN: Final = 60.0  # seconds between two attempts to join a room that the bot was not let into
_NEVER: Final = frozenset({"M_FORBIDDEN", "M_TOO_LARGE", "M_NOT_FOUND", "M_INVALID_PARAM", "M_BAD_JSON"})

_log = get_logger(__name__)


class Said(NamedTuple):
    """A text that somebody wrote in one of the bot's rooms. age: seconds since then, by the homeserver's clock."""

    room: str
    person: str
    body: str
    age: float


class Home:
    """The homeserver. Calls raise RetryableError while it is away, refuses the bot, or wants to be left alone.

    Rooms with end-to-end encryption are not read: the bot would need keys that outlive it. It says so in the log.
    """

    def __init__(self, settings: MatrixSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: AsyncClient | None = None
        self._rooms: dict[str, str] = {}  # the setting to the id of the room
        self._missing: set[str] = set()
        self._tried_to_join = 0.0
        self._encrypted: set[str] = set()
        self._signed_in = False
        self.name = ""  # as people see it

    @property
    def rooms(self) -> int:
        """How many of its rooms it is in."""
        return len(self._rooms)

    async def connect(self) -> None:
        """Sign in, join the rooms, and find out where news begin; what is done already is not done again."""
        client = self._opened()
        if not self._signed_in:
            await (self._use_token(client) if self._settings.token is not None else self._sign_in(client))
            self._signed_in = True
            profile = await self._ask(client.get_displayname(self._settings.user))
            self.name = (profile.displayname or "") if isinstance(profile, ProfileGetDisplayNameResponse) else ""
        await self._join(client)
        if not client.next_batch:
            await self._sync(client, wait=0.0)  # what was written before is not answered

    async def listen(self) -> list[Said]:
        """Return what others write in the rooms, after at most 30 seconds. After a pause that is what came in the meantime.

        What a homeserver tells of other rooms, although it was not asked for that, is left out.
        """
        client = self._opened()
        if self._clock.monotonic() - self._tried_to_join >= _REJOIN:
            await self._join(client)
        news = await self._sync(client, wait=POLL)
        heard = []
        for room, joined in news.rooms.join.items():
            if room not in self._rooms.values():
                continue
            for event in joined.timeline.events:
                if isinstance(event, MegolmEvent):
                    self._note_encrypted(room)
                elif isinstance(event, RoomMessageText) and event.sender != self._settings.user:
                    heard.append(Said(room, event.sender, event.body, _age(event)))
        return heard

    async def say(self, room: str, answer: Answer, number: str) -> None:
        """Write the answer to the room as a notice, once for each `number`. Raises RefusedError if it will never be taken."""
        shown = "<br/>".join(html.escape(line) for line in answer.lines)
        if answer.table:
            shown += f"<pre><code>{html.escape(chr(10).join(answer.table))}</code></pre>"
        marked_up: dict[str, object] = {"format": "org.matrix.custom.html", "formatted_body": shown}
        await self._send(room, {"msgtype": "m.notice", "body": answer.text, **marked_up}, number)

    async def upload(self, picture: bytes, name: str) -> str:
        """Store a PNG and return its address. Raises RefusedError if it will never be taken."""
        work = self._opened().upload(BytesIO(picture), "image/png", filename=name, filesize=len(picture))
        answer, _ = await self._within(work, _WITHIN)
        return str(self._expect(answer, UploadResponse, never=_NEVER).content_uri)

    async def show(self, room: str, address: str, size: int, number: str) -> None:
        """Show an uploaded PNG of `size` bytes in the room, once for each `number`. Raises RefusedError."""
        about = {"mimetype": "image/png", "size": size, "w": WIDTH, "h": HEIGHT}
        content: dict[str, object] = {"msgtype": "m.image", "body": "chart.png", "url": address, "info": about}
        await self._send(room, content, number)

    async def close(self) -> None:
        """Close the connection. The device stays, for the next time."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _opened(self) -> AsyncClient:
        if self._client is None:
            config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=_WITHIN)
            settings = self._settings
            self._client = AsyncClient(
                settings.homeserver.rstrip("/"),
                settings.user,
                device_id=settings.device,
                config=config,
                ssl=_certificates(settings),  # type: ignore[arg-type] # nio says bool, and hands to aiohttp what it gets
            )
        return self._client

    async def _sign_in(self, client: AsyncClient) -> None:
        secret = self._settings.password
        answer = await self._ask(client.login(secret.reveal() if secret is not None else "", device_name=self._settings.device))
        if isinstance(answer, ErrorResponse) and answer.status_code == "M_FORBIDDEN":
            msg = f"{self._settings.homeserver} refuses the password of {self._settings.user}; look at sinks.matrix.password"
            raise RetryableError(msg, after=_REFUSED_PAUSE)
        self._expect(answer, LoginResponse)

    async def _use_token(self, client: AsyncClient) -> None:
        secret = self._settings.token
        client.restore_login(self._settings.user, self._settings.device, secret.reveal() if secret is not None else "")
        answer = await self._ask(client.whoami())
        if isinstance(answer, ErrorResponse) and answer.status_code in _SIGNED_OUT:
            msg = f"{self._settings.homeserver} refuses the access token of {self._settings.user}; look at sinks.matrix.token"
            raise RetryableError(msg, after=_REFUSED_PAUSE)
        found = self._expect(answer, WhoamiResponse).user_id
        if found != self._settings.user:
            msg = f"sinks.matrix.token belongs to {harmless(str(found))}, and sinks.matrix.user is {self._settings.user}"
            raise FatalError(msg)

    async def _join(self, client: AsyncClient) -> None:
        self._tried_to_join = self._clock.monotonic()
        for room in self._settings.rooms:
            if room in self._rooms:
                continue
            answer = await self._ask(client.join(room))
            if isinstance(answer, JoinResponse):
                self._rooms[room] = answer.room_id
                self._missing.discard(room)
            elif isinstance(answer, ErrorResponse) and answer.status_code in _NOT_INVITED:
                self._note_missing(room, answer)
            else:
                self._expect(answer, JoinResponse)

    async def _sync(self, client: AsyncClient, wait: float) -> SyncResponse:
        nothing: dict[str, object] = {"types": []}
        room = {
            "rooms": list(self._rooms.values()),
            "timeline": {
                "limit": _MOST_EVENTS,
                "types": ["m.room.message", "m.room.encrypted"],
                "not_senders": [self._settings.user],
            },
            "state": nothing,
            "ephemeral": nothing,
            "account_data": nothing,
        }
        chosen = {"room": room, "presence": nothing, "account_data": nothing}
        work = client.sync(timeout=round(wait * 1000), sync_filter=chosen, set_presence="offline")
        return self._expect(await self._within(work, wait + _WITHIN), SyncResponse)

    async def _send(self, room: str, content: dict[str, object], number: str) -> None:
        meant = {**content, "m.mentions": {}}  # nobody, whatever the text looks like
        answer = await self._ask(self._opened().room_send(room, "m.room.message", meant, tx_id=number))
        self._expect(answer, RoomSendResponse, never=_NEVER)

    async def _ask(self, work: Coroutine[Any, Any, Any]) -> Response:
        return await self._within(work, _WITHIN)  # type: ignore[no-any-return] # nio's wrapped methods have no types

    async def _within(self, work: Coroutine[Any, Any, Any], seconds: float) -> Any:  # noqa: ANN401 what nio answers
        try:
            async with asyncio.timeout(seconds):
                return await work
        except (aiohttp.ClientError, OSError) as error:  # a time-out is one of the second
            reason = f"it did not answer within {seconds:g} s" if isinstance(error, TimeoutError) else str(error)
            msg = f"the homeserver {self._settings.homeserver} cannot be reached: {reason}"
            raise RetryableError(msg) from error

    def _expect(self, answer: Response, kind: type[R], never: frozenset[str] = frozenset()) -> R:
        """Return a good answer. Raises RefusedError for the codes in `never`, RetryableError for any other."""
        if isinstance(answer, kind):
            return answer
        if not isinstance(answer, ErrorResponse):
            msg = f"the homeserver {self._settings.homeserver} gave an answer of the wrong kind"
            raise RetryableError(msg)
        reason = harmless(f"{answer.status_code or ''} {answer.message}".strip())
        if answer.status_code in never:
            raise RefusedError({0: reason})
        if answer.status_code in _SIGNED_OUT:
            self._signed_in = False
        msg = f"the homeserver {self._settings.homeserver} refuses for now: {reason}"
        raise RetryableError(msg, after=(answer.retry_after_ms or 0) / 1000)

    def _note_missing(self, room: str, answer: ErrorResponse) -> None:
        if room not in self._missing:
            self._missing.add(room)
            reason = harmless(f"{answer.status_code} {answer.message}")
            _log.warning("the bot cannot join a room; invite it", room=room, user=self._settings.user, reason=reason)

    def _note_encrypted(self, room: str) -> None:
        if room not in self._encrypted:
            self._encrypted.add(room)
            _log.warning("a room is encrypted, and the bot cannot read what is written there", room=room)


def _age(event: RoomMessageText) -> float:
    unsigned = event.source.get("unsigned")
    age = unsigned.get("age", 0) if isinstance(unsigned, dict) else 0
    return age / 1000 if isinstance(age, int) else 0.0


def _certificates(settings: MatrixSettings) -> ssl.SSLContext | None:
    try:
        return ssl.create_default_context(cafile=settings.ca) if settings.ca is not None else None
    except OSError as error:
        msg = f"sinks.matrix.ca cannot be read from {settings.ca}: {error.strerror or error}"
        raise FatalError(msg) from error
