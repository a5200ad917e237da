"""What can be set of the chat bot."""

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError

_USER: Final = re.compile(r"@[^\s:]+:\S+")
_ROOM: Final = re.compile(r"[!#]\S+")


class MatrixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.matrix]`.

    homeserver: its URL. user: the bot's whole user id. password, token: one of them; the bot signs in with the password, or uses
    the access token as it is. device: the id and name of its device; two bots of one user need two. ca: certificates to
    believe in, where the homeserver's is not one of the system's. rooms: ids or aliases of the rooms that it answers in.
    people: the user ids that it answers. prefix: the word before a command; its name with a colon does as well.
    history: windows that it remembers of a metric. metrics: metrics that it remembers at most; what was silent for longest goes
    first. commands_per_minute: of one person; more are not answered.
    """

    homeserver: str = ""
    user: str = ""
    password: Secret | None = None
    token: Secret | None = None
    device: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,60}$")] = "virtpulse"
    ca: Path | None = None
    rooms: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    prefix: Annotated[str, msgspec.Meta(pattern=r"^\S{1,30}$")] = "!vp"
    history: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 60
    metrics: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 50_000
    commands_per_minute: Annotated[int, msgspec.Meta(ge=1, le=600)] = 20

    def __post_init__(self) -> None:
        for room in self.rooms:
            if not _ROOM.fullmatch(room):
                msg = f'rooms must be ids as !abc:example.org or aliases as #ops:example.org, got "{room[:80]}"'
                raise ValueError(msg)
        for user in self.people:
            if not _USER.fullmatch(user):
                msg = f'people must be user ids as @anna:example.org, got "{user[:80]}"'
                raise ValueError(msg)


def require(settings: MatrixSettings) -> None:
    """Raise UsageError for a bot that is to run and lacks a setting."""
    address = urlsplit(settings.homeserver)
    if address.scheme not in {"http", "https"} or not address.netloc:
        _missing("homeserver", "the homeserver's URL, as https://matrix.example.org", settings.homeserver)
    if not _USER.fullmatch(settings.user):
        _missing("user", "the bot's whole user id, as @virtpulse:example.org", settings.user)
    if (settings.password is None) == (settings.token is None):
        _missing("password", "the bot's password, unless sinks.matrix.token is its access token: one of the two", "")
    if not settings.rooms:
        _missing("rooms", 'the rooms that the bot answers in, as ["!abc:example.org"]', "")
    if not settings.people:
        _missing("people", 'the user ids that the bot answers, as ["@anna:example.org"]', "")


def _missing(name: str, wanted: str, found: str) -> None:
    got = f', got "{found[:80]}"' if found else ""
    msg = f"sinks.matrix.{name} must be {wanted}{got}"
    raise UsageError(msg)
