"""What the bot remembers of the topics, bounded."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET

from sinks.aggregates import read_aggregate
from sinks.matrix.series import Series
from sinks.matrix.settings import MatrixSettings
from sinks.row import Name, metrics
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError
from virtpulse.messages.alert import WATCHDOG, Alert, AlertState, severity_rank
from virtpulse.messages.alert_reading import read_alert, read_silence, read_state
from virtpulse.messages.bounds import MAX_MESSAGE_BYTES
from virtpulse.messages.codec import decode
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.silence import Silence, silencing
from virtpulse.messages.source import Source, inventory_key
from virtpulse.topics import ALERT_STATES, ALERTS, SILENCES, SOURCES
from virtpulse.transports.interface import Message

MOST_RECORDS: Final = 100_000  # of each compacted topic
_MOST_RESOLVED: Final = 1_000
_FIRES: Final = frozenset({"firing", "recovering"})


class Known(NamedTuple):
    """A source's view, of the inventory. last: when the log took in its latest message."""

    source: str
    view: str
    last: float
    ended: str


class Memory:
    """The last windows of each metric, the alerts that live and those resolved lately, silences, and sources.

    newest: the latest end of a window, None before the first. heartbeat: when the log took in the latest sign of life of
    whoever judges alerts, None before the first. missed: records that found no room.
    """

    def __init__(self, settings: MatrixSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._series: dict[Name, Series] = {}  # in the order of their latest window's arrival
        self.states: dict[str, AlertState] = {}
        self.resolved: dict[str, Alert] = {}  # in the order in which they were resolved
        self.silences: dict[str, Silence] = {}
        self.sources: dict[str, Known] = {}
        self.newest: float | None = None
        self.heartbeat: float | None = None
        self.missed = 0
        self._takers: Mapping[str, Callable[[Message], None]] = {
            ALERT_STATES: self._take_state,
            ALERTS: self._take_alert,
            SILENCES: self._take_silence,
            SOURCES: self._take_source,
        }

    def take(self, message: Message) -> None:
        """Take a message of one of the topics, but not of aggregates. Raises InvalidError."""
        self._takers[message.topic](message)

    def take_window(self, document: bytes) -> None:
        """Take one aggregate. Raises InvalidError."""
        aggregate = read_aggregate(document)
        now = self._clock.monotonic()
        self.newest = aggregate.end if self.newest is None else max(self.newest, aggregate.end)
        for name, value in metrics(aggregate):
            series = self._series.pop(name, None) or Series(name, self._settings.history)
            self._series[name] = series
            series.update(value, aggregate.start, aggregate.end, now)
        for name in list(islice(self._series, max(0, len(self._series) - self._settings.metrics))):
            del self._series[name]

    def series(self) -> Iterator[Series]:
        """Yield the series of every metric."""
        yield from self._series.values()

    def series_of(self, source: str, view: str | None, key: str) -> Series | None:
        """Return the series of a source's metric, in any view if `view` is None; None if there is none."""
        wanted = (source, key)
        found = (row for name, row in self._series.items() if (name.source, name.key) == wanted and view in {None, name.view})
        return next(found, None)

    def firing(self) -> list[AlertState]:
        """Return the alerts that fire and are not kept back, the most severe first, then the latest."""
        found = (state for state in self.states.values() if state.state in _FIRES and state.inhibited is UNSET)
        return sorted(found, key=lambda state: (severity_rank(severity_of(state)), -_fired(state)))

    def is_silenced(self, state: AlertState) -> bool:
        """Return whether a silence keeps the alert from being notified now."""
        alert, silences = state.alert, self.silences.values()
        return isinstance(alert, Alert) and silencing(silences, alert.labels, self._clock.time()) is not None

    def holding(self) -> list[Silence]:
        """Return the silences that hold or will hold, the one that ends first first."""
        now = self._clock.time()
        return sorted((silence for silence in self.silences.values() if now < silence.ends), key=lambda silence: silence.ends)

    def _take_state(self, message: Message) -> None:
        if not message.value:
            self.states.pop(message.key, None)
            return
        state = read_state(message)
        if state.rule == WATCHDOG:
            self.heartbeat = message.time
        elif self._has_room(self.states, message.key):
            self.states[message.key] = state

    def _take_alert(self, message: Message) -> None:
        alert = read_alert(message)
        self.resolved.pop(alert.fingerprint, None)
        if alert.status == "resolved":
            self.resolved[alert.fingerprint] = alert
            for old in list(islice(self.resolved, max(0, len(self.resolved) - _MOST_RESOLVED))):
                del self.resolved[old]

    def _take_silence(self, message: Message) -> None:
        if not message.value:
            self.silences.pop(message.key, None)
        elif self._has_room(self.silences, message.key):
            self.silences[message.key] = read_silence(message)

    def _take_source(self, message: Message) -> None:
        if not message.value:
            self.sources.pop(message.key, None)
        elif self._has_room(self.sources, message.key):
            self.sources[message.key] = _known(message)

    def _has_room(self, records: Mapping[str, object], key: str) -> bool:
        if key in records or len(records) < MOST_RECORDS:
            return True
        self.missed += 1
        return False


def severity_of(state: AlertState) -> str:
    """Return the severity of an alert, empty where it has none yet."""
    return state.alert.labels.get("severity", "") if isinstance(state.alert, Alert) else ""


def _fired(state: AlertState) -> float:
    return state.fired if isinstance(state.fired, float) else state.since


def _known(message: Message) -> Known:
    if len(message.value) > MAX_MESSAGE_BYTES:
        reason = f"message must have at most {MAX_MESSAGE_BYTES} bytes, got {len(message.value)}"
        raise InvalidError(WHOLE, reason)
    try:
        source = decode(message.value, Source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = f"message must be a source: {error}"
        raise InvalidError(WHOLE, reason) from None
    view = source.view if isinstance(source.view, str) else ""
    if message.key != inventory_key(source.source, view):
        reason = f"source and view must be the message's key, {message.key[:80]}"
        raise InvalidError(WHOLE, reason)
    return Known(source.source, view, source.last, source.ended if isinstance(source.ended, str) else "")
