"""What goes into the memory of a chat bot, for its tests."""

from collections.abc import Mapping, Sequence

from sinks.matrix.memory import Memory
from sinks.matrix.settings import MatrixSettings
from virtpulse.clock import Clock
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.messages.alert import Alert, AlertState, Life, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import to_rfc3339
from virtpulse.messages.silence import Silence
from virtpulse.messages.source import Source, inventory_key
from virtpulse.topics import AGGREGATES, ALERT_STATES, SILENCES, SOURCES
from virtpulse.transports.interface import Batch, Message

SETTINGS = MatrixSettings(
    homeserver="http://127.0.0.1:1",
    user="@virtpulse:virtpulse.test",
    rooms=("!room:virtpulse.test",),
    people=("@anna:virtpulse.test",),
)


def percentage(value: float) -> Ratio:
    """Return a metric that was at `value` percent all the time."""
    return Ratio(value, 100.0, value, value, value, value, 10)


def window(
    source: str, end: float, metrics: Mapping[str, float], *, faults: Mapping[str, float] | None = None,
    timings: Mapping[str, Timing] | None = None,
) -> Aggregate:  # fmt: skip
    """Return a window of 10 s with resources, and with faults, at some percent."""
    return Aggregate(
        source=source, start=end - 10, end=end, samples=10, late=0, repeated=0,
        resources={key: percentage(value) for key, value in metrics.items()},
        faults={key: percentage(value) for key, value in (faults or {}).items()}, timings=dict(timings or {}),
    )  # fmt: skip


def firing(
    source: str, since: float, *, rule: str = "CpuBusy", severity: str = "warning", key: str = "vm.cpu.utilization",
    state: Life = "firing", **annotations: str,
) -> AlertState:  # fmt: skip
    """Return the state of an alert that fires, as the alerts processor writes it."""
    host, _, vm = source.partition("/")
    metric, _, device = key.partition("@")
    labels = {"alertname": rule, "severity": severity, "host": host, "vm": vm, "metric": metric, "device": device}
    labels = {name: value for name, value in labels.items() if value}
    about = {"summary": f"{source} uses 93 % of its CPU", "advice": "See which process it is.", "value": "93", **annotations}
    alert = Alert(
        status="firing", labels=labels, annotations=about, starts_at=to_rfc3339(since), fingerprint=fingerprint(labels),
        text=f"[{severity}] {rule} {source}: {about['summary']}",
    )  # fmt: skip
    return AlertState(
        fingerprint=alert.fingerprint, state=state, rule=rule, source=source, key=key, since=since, fired=since, alert=alert
    )


def batch(topic: str, records: Sequence[tuple[str, bytes]], time: float = 0.0) -> Batch:
    """Return keys and values as a batch of a topic."""
    count = len(records)
    return Batch(topic, 0, range(count), [time] * count, [key for key, _ in records], [value for _, value in records])


class Records:
    """A bot's memory, and what puts something into it."""

    def __init__(self, clock: Clock, settings: MatrixSettings = SETTINGS) -> None:
        self.memory = Memory(settings, clock)
        self._clock = clock

    def add(self, *records: Aggregate | AlertState | Silence | Source) -> None:
        """Let the memory have records, taken in by the log now."""
        for record in records:
            if isinstance(record, Aggregate):
                self.memory.take_window(encode(record))
            else:
                topic, key = _place(record)
                self.memory.take(Message(topic, 0, 0, self._clock.time(), key, encode(record)))

    def remove(self, topic: str, key: str) -> None:
        """Let the memory have a tombstone."""
        self.memory.take(Message(topic, 0, 0, self._clock.time(), key, b""))


def _place(record: AlertState | Silence | Source) -> tuple[str, str]:
    if isinstance(record, AlertState):
        return ALERT_STATES, record.fingerprint
    if isinstance(record, Silence):
        return SILENCES, record.id
    return SOURCES, inventory_key(record.source, record.view if isinstance(record.view, str) else "")


def windows(*aggregates: Aggregate) -> Batch:
    """Return a batch of aggregates."""
    return batch(AGGREGATES, [(one.source.partition("/")[0], encode(one)) for one in aggregates])
