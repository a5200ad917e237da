"""Reading what anybody may have published: alerts, their states, silences, and what was notified."""

from typing import Final, Never, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import STATE_VERSION, Alert, AlertState, fingerprint
from virtpulse.messages.bounds import MAX_LABELS, MAX_MATCHERS, MAX_TIME
from virtpulse.messages.codec import decode
from virtpulse.messages.matchers import parse_matcher
from virtpulse.messages.moments import from_rfc3339
from virtpulse.messages.notified import NOTIFIED_VERSION, Notified
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.silence import SILENCE_VERSION, Silence

MAX_ALERT_BYTES: Final = 64 << 10
VERSION: Final = "version"  # the field that an error names where a later release wrote the record

T = TypeVar("T", bound=msgspec.Struct)


class Keyed(Protocol):
    """A stored message, as far as reading it needs."""

    @property
    def key(self) -> str:
        """The key that it is stored under."""
        ...

    @property
    def value(self) -> bytes:
        """What it holds."""
        ...


class _Versioned(msgspec.Struct):
    """What can be read of a record whatever its form."""

    version: int = 1


def read_alert(message: Keyed) -> Alert:
    """Return the alert of a message of the alerts topic. Raises InvalidError."""
    alert = _decoded(message, Alert)
    _check(alert)
    return alert


def read_state(message: Keyed) -> AlertState:
    """Return the state of a message of the alert-states topic that is no tombstone. Raises InvalidError."""
    state = _decoded(message, AlertState, STATE_VERSION)
    if state.fingerprint != message.key:
        _refuse("fingerprint", f"fingerprint must be the message's key, {message.key[:40]}, got {state.fingerprint[:40]}")
    for field in ("since", "fired", "recovering", "missing"):
        moment = getattr(state, field)
        if moment is not UNSET and not 0 <= moment <= MAX_TIME:
            _refuse(field, f"{field} must lie between 1970 and the year 9999, in seconds since 1970, got {moment:g}")
    if state.state != "pending" and (state.fired is UNSET or state.alert is UNSET):
        _refuse("alert", f"alert must be there, as fired must, where state is {state.state}")
    if isinstance(state.alert, Alert):
        _check(state.alert)
        if state.alert.fingerprint != state.fingerprint:
            _refuse("alert.fingerprint", f"alert.fingerprint must be {state.fingerprint}, got {state.alert.fingerprint}")
    return state


def read_silence(message: Keyed) -> Silence:
    """Return the silence of a message of the silences topic that is no tombstone. Raises InvalidError."""
    silence = _decoded(message, Silence, SILENCE_VERSION)
    if silence.id != message.key:
        _refuse("id", f"id must be the message's key, {message.key[:40]}, got {silence.id[:40]}")
    if not 1 <= len(silence.matchers) <= MAX_MATCHERS:
        _refuse("matchers", f"matchers must be 1 to {MAX_MATCHERS}, got {len(silence.matchers)}")
    for matcher in silence.matchers:
        try:
            parse_matcher(matcher)
        except ValueError as error:
            _refuse("matchers", f"matchers {error}")
    return silence


def read_notified(message: Keyed) -> Notified:
    """Return the record of a message of the notifications topic that is no tombstone. Raises InvalidError."""
    notified = _parsed(message, Notified, NOTIFIED_VERSION)
    for moment in notified.firing.values():
        _check_moment("firing", moment)
    return notified


def _decoded(message: Keyed, kind: type[T], version: int = 1) -> T:
    if len(message.value) > MAX_ALERT_BYTES:
        _refuse(WHOLE, f"the message must have at most {MAX_ALERT_BYTES} bytes, got {len(message.value)}")
    return _parsed(message, kind, version)


def _parsed(message: Keyed, kind: type[T], version: int) -> T:
    """Read a record whose form this release knows up to `version`; of a later one nothing but that can be relied on."""
    try:
        found = decode(message.value, _Versioned).version
        if found > version:
            _refuse(VERSION, f"version must be at most {version}, got {found}: a later release wrote it")
        return decode(message.value, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(WHOLE, f"message must be a document of the kind {kind.__name__}: {error}") from None


def _check(alert: Alert) -> None:
    if len(alert.labels) > MAX_LABELS:
        _refuse("labels", f"labels must be at most {MAX_LABELS}, got {len(alert.labels)}")
    expected = fingerprint(alert.labels)
    if alert.fingerprint != expected:
        _refuse("fingerprint", f"fingerprint must be that of the labels, {expected}, got {alert.fingerprint[:40]}")
    _check_moment("startsAt", alert.starts_at)
    if alert.status == "resolved":
        _check_moment("endsAt", alert.ends_at)


def _check_moment(field: str, text: str) -> None:
    try:
        from_rfc3339(text)
    except (ValueError, OverflowError) as error:
        _refuse(field, f"{field} {error}")


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, reason)
