"""Moments and alerts as the bot says them."""

from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET

from virtpulse.harmless import harmless
from virtpulse.messages.alert import Alert, AlertState
from virtpulse.wording import lasting

SHORT: Final = 8  # characters of a fingerprint that are shown; more than enough to tell alerts apart
_DAY: Final = 86_400.0


def moment(seconds: float, now: float) -> str:
    """Return `14:02:10 UTC`, with the date where that is more than half a day from `now`."""
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "an unknown time"
    return when.strftime("%H:%M:%S UTC" if abs(now - seconds) < _DAY / 2 else "%Y-%m-%d %H:%M UTC")


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    return f"{lasting(seconds)} ago"


def fired_at(state: AlertState) -> float:
    """Return when an alert fired, or when its condition began to hold if it has not."""
    return state.since if state.fired is UNSET or not isinstance(state.fired, float) else state.fired


def alert_line(state: AlertState, now: float, *, silenced: bool) -> str:
    """Return an alert in a line: its text, since when, and what to ask `why` for."""
    text = state.alert.text if isinstance(state.alert, Alert) else f"{state.rule} {state.source}"
    mark = ", silenced" if silenced else ""
    return f"{harmless(text, 300)} ({lasting(now - fired_at(state))}{mark}; why {harmless(state.fingerprint[:SHORT])})"
