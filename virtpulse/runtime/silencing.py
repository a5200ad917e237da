"""Making and ending silences, whoever asks for it: on the command line or in chat."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, Never

from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import MAX_MATCHERS
from virtpulse.messages.codec import encode
from virtpulse.messages.matchers import parse_matcher
from virtpulse.messages.silence import Silence, new_id
from virtpulse.topics import SILENCES
from virtpulse.transports.interface import Outgoing
from virtpulse.units import Duration

_SHORTEST: Final = Duration(1)
_LONGEST: Final = Duration(365 * 86_400)
_KEPT: Final = 7 * 86_400.0  # seconds for which a silence that is over can still be listed
_MOST_REMOVALS: Final = 1_000  # in one go
_MOST_CHARS: Final = 500  # of a reason or a name
_PARTITION: Final = 0  # the topic has one, read by everybody who notifies


def new_silence(matchers: Sequence[str], span: float, now: float, *, reason: str = "", by: str = "") -> Silence:
    """Return a silence of `span` seconds from `now` on.

    Raises InvalidError for matchers that cannot be read, for those of which none names what is to be quiet, and for what is too
    much; its field is that of the silence.
    """
    _check_matchers(matchers)
    if not _SHORTEST <= span <= _LONGEST:
        _refuse("ends", f"a silence lasts from {_SHORTEST.text()} to {_LONGEST.text()}, got {Duration(span).text()}")
    for field, text in (("reason", reason), ("by", by)):
        if len(text) > _MOST_CHARS:
            _refuse(field, f"{field} must have at most {_MOST_CHARS} characters, got {len(text)}")
        _check_text(field, field, text)
    return Silence(id=new_id(), matchers=tuple(matchers), starts=now, ends=now + span, created=now, reason=reason, by=by)


def record(silence: Silence) -> Outgoing:
    """Return the message that puts a silence in force."""
    return Outgoing(SILENCES, silence.id, encode(silence), _PARTITION)


def removal(name: str) -> Outgoing:
    """Return the message that ends the silence with an id."""
    return Outgoing(SILENCES, name, b"", _PARTITION)


def removals_of_old(silences: Iterable[Silence], now: float) -> list[Outgoing]:
    """Return what removes silences that have been over for a week, a bounded number of them; nobody else does."""
    old = (removal(silence.id) for silence in silences if silence.ends < now - _KEPT)
    return list(islice(old, _MOST_REMOVALS))


def _check_matchers(matchers: Sequence[str]) -> None:
    if not matchers:
        _refuse("matchers", "a silence needs a matcher, as in host=kvm-07")
    if len(matchers) > MAX_MATCHERS:
        _refuse("matchers", f"a silence has at most {MAX_MATCHERS} matchers, got {len(matchers)}")
    for matcher in matchers:
        _check_text("matchers", "a matcher", matcher)
    try:
        parsed = [parse_matcher(matcher) for matcher in matchers]
    except ValueError as error:
        _refuse("matchers", f"a matcher {error}")
    if not any(matcher.names_something for matcher in parsed):
        told = " ".join(matchers)[:80]
        why = "would silence every alert, or nearly; a matcher must name what is to be quiet, as in host=kvm-07"
        _refuse("matchers", f"{told} {why}")


def _check_text(field: str, name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # an argument of a command may be any bytes
        _refuse(field, f"{name} must be text in UTF-8, got {text[:60]!a}")


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, reason)
