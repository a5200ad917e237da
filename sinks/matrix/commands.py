"""What people may ask of the bot, and how it is read: never evaluated, bounded, and refused with what is allowed."""

import difflib
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, get_args

from virtpulse.harmless import harmless
from virtpulse.units import Duration

Resource = Literal["cpu", "memory", "disk", "network", "faults"]

MAX_CHARS: Final = 1_000  # of a message to the bot; what is longer is nobody's command

_STAR: Final = "\u2217"  # how the bot itself writes *, so that what it says can be said to it
_LEAST_FINGERPRINT: Final = 4
_FINGERPRINT: Final = frozenset("0123456789abcdef")
_SILENCE: Final = "silence MATCHER... FOR [reason], as in: silence host=kvm-07 severity=warning 2h new disks"


class Help(NamedTuple):
    """What can be asked."""


class Status(NamedTuple):
    """How everything is, or with a source how that one is."""

    source: str = ""


class Top(NamedTuple):
    """Which sources are worst."""

    resource: Resource


class Alerts(NamedTuple):
    """What fires; `glob` is of a source or of the name of the alert."""

    glob: str = "*"


class Silenced(NamedTuple):
    """Which silences hold."""


class Silencing(NamedTuple):
    """Tell nobody of the alerts that all matchers match, for so many seconds."""

    matchers: tuple[str, ...]
    seconds: float
    reason: str


class Unsilencing(NamedTuple):
    """End a silence."""

    id: str


class Why(NamedTuple):
    """Why an alert fires; `fingerprint` may be the beginning of one."""

    fingerprint: str


Question = Help | Status | Top | Alerts | Silenced | Why
Command = Question | Silencing | Unsilencing


class CommandError(ValueError):
    """It is no command; the text says what would be."""


def addressed(body: str, prefix: str, user: str, names: Sequence[str]) -> str | None:
    """Return what a message says to the bot, None if it is not meant for it.

    It is if it begins with `prefix` or the whole user id as a word, or with one of `names` and a colon or a comma.
    """
    start = body[: MAX_CHARS + 1].lstrip()
    for word in (prefix, user):
        rest = start.removeprefix(word)
        if rest != start and (not rest or rest[0].isspace() or rest[0] in ":,"):
            return rest.lstrip(" \t:,")
    for name in names:
        if name and start[: len(name)].casefold() == name.casefold() and start[len(name) :].startswith((":", ",")):
            return start[len(name) + 1 :].lstrip()
    return None


def parse(text: str) -> Command:
    """Read a command. Raises CommandError."""
    words = text.replace(_STAR, "*").split()
    if not words:
        return Help()
    name, *arguments = words
    reader = _READERS.get(name.lower())
    if reader is None:
        near = difflib.get_close_matches(name.lower()[:20], _READERS, n=1)
        hint = f"did you mean {near[0]}?" if near else "help says what there is"
        msg = f'there is no command "{harmless(name, 30)}"; {hint}'
        raise CommandError(msg)
    return reader(arguments)


def _help(_: Sequence[str]) -> Command:
    return Help()


def _status(arguments: Sequence[str]) -> Command:
    return Status(_at_most_one(arguments, "status [SOURCE]", ""))


def _top(arguments: Sequence[str]) -> Command:
    for resource in get_args(Resource):
        if [argument.lower() for argument in arguments] == [resource]:
            return Top(resource)
    msg = f"top takes one of {', '.join(get_args(Resource))}, as in: top cpu"
    raise CommandError(msg)


def _alerts(arguments: Sequence[str]) -> Command:
    return Alerts(_at_most_one(arguments, "alerts [GLOB], a glob of a source or an alert's name", "*"))


def _silences(_: Sequence[str]) -> Command:
    return Silenced()


def _silence(arguments: Sequence[str]) -> Command:
    matchers: list[str] = []
    rest = list(arguments)
    while rest and "=" in rest[0]:
        matchers.append(rest.pop(0))
    if rest and rest[0].lower() == "for":
        del rest[0]
    if not matchers or not rest:
        msg = f"it is: {_SILENCE}"
        raise CommandError(msg)
    return Silencing(tuple(matchers), _span(rest[0]), " ".join(rest[1:]))


def _span(text: str) -> float:
    try:
        return float(Duration.parse(text))
    except ValueError:
        msg = f'how long must be a duration as 30m, 2h or 7d, got "{harmless(text, 30)}"; it is: {_SILENCE}'
        raise CommandError(msg) from None


def _unsilence(arguments: Sequence[str]) -> Command:
    if len(arguments) != 1:
        msg = "it is: unsilence ID; silences lists them"
        raise CommandError(msg)
    return Unsilencing(arguments[0].lower())


def _why(arguments: Sequence[str]) -> Command:
    found = arguments[0].lower() if len(arguments) == 1 else ""
    if not (_LEAST_FINGERPRINT <= len(found) <= 16 and _FINGERPRINT.issuperset(found)):
        msg = f"it is: why FINGERPRINT, or its first {_LEAST_FINGERPRINT} characters and more; alerts lists them"
        raise CommandError(msg)
    return Why(found)


def _at_most_one(arguments: Sequence[str], usage: str, without: str) -> str:
    if len(arguments) > 1:
        msg = f"it is: {usage}"
        raise CommandError(msg)
    return arguments[0] if arguments else without


_READERS: Final[dict[str, Callable[[Sequence[str]], Command]]] = {
    "help": _help,
    "status": _status,
    "top": _top,
    "alerts": _alerts,
    "silence": _silence,
    "unsilence": _unsilence,
    "silences": _silences,
    "why": _why,
}
