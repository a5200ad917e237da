"""Reading what anybody may have published: alerts, their states, silences, and what was notified."""

from typing import Final, Never, TypeVar

import msgspec

from virtpulse.errors import InvalidError
from virtpulse.messages.alert import STATE_VERSION, Alert, AlertState, fingerprint
from virtpulse.messages.codec import decode
from virtpulse.messages.matchers import parse_matcher
from virtpulse.messages.moments import from_rfc3339
from virtpulse.messages.notified import NOTIFIED_VERSION, Notified
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.silence import SILENCE_VERSION, Silence
from virtpulse.transports.interface import Message

MAX_ALERT_BYTES: Final = 64 << 10
MAX_LABELS: Final = 64
MAX_MATCHERS: Final = 50

T = TypeVar("T", bound=msgspec.Struct)


def read_alert(message: Message) -> Alert:
    """Return the alert of a message of the alerts topic. Raises InvalidError."""
    alert = _decoded(message, Alert)
    _check(alert)
    return alert


def read_state(message: Message) -> AlertState:
    """Return the state of a message of the alert-states topic that is no tombstone. Raises InvalidError."""
    state = _decoded(message, AlertState)
    _require_version(state.version, STATE_VERSION)
    if state.fingerprint != message.key:
        _refuse("fingerprint", f"fingerprint must be the message's key, {message.key[:40]}, got {state.fingerprint[:40]}")
    if isinstance(state.alert, Alert):
        _check(state.alert)
        if state.alert.fingerprint != state.fingerprint:
            _refuse("alert.fingerprint", f"alert.fingerprint must be {state.fingerprint}, got {state.alert.fingerprint}")
    return state


def read_silence(message: Message) -> Silence:
    """Return the silence of a message of the silences topic that is no tombstone. Raises InvalidError."""
    silence = _decoded(message, Silence)
    _require_version(silence.version, SILENCE_VERSION)
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


def read_notified(message: Message) -> Notified:
    """Return the record of a message of the notifications topic that is no tombstone. Raises InvalidError."""
    try:
        notified = decode(message.value, Notified)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(WHOLE, str(error)) from None
    _require_version(notified.version, NOTIFIED_VERSION)
    for moment in notified.firing.values():
        _check_moment("firing", moment)
    return notified


def _decoded(message: Message, kind: type[T]) -> T:
    if len(message.value) > MAX_ALERT_BYTES:
        _refuse(WHOLE, f"the message must have at most {MAX_ALERT_BYTES} bytes, got {len(message.value)}")
    try:
        return decode(message.value, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(WHOLE, str(error)) from None


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


def _require_version(version: int, known: int) -> None:
    if version > known:
        _refuse("version", f"version {version} is of a later release than this one, which knows {known}")


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, reason)
