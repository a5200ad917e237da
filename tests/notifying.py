"""An alerts processor's output by hand, and a notifier that keeps what it is to tell; for tests of the runtime of notifiers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.conftest import FakeClock
from tests.memory import MemoryTransport
from tests.telling import alert
from virtpulse.messages.alert import Alert, AlertState
from virtpulse.messages.codec import encode
from virtpulse.messages.inhibition import Inhibition
from virtpulse.messages.silence import Silence
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.notifying.notifier import notify
from virtpulse.runtime.roles import Notification, Notifier, NotifierSpec, Receiver
from virtpulse.runtime.until import Until
from virtpulse.topics import ALERT_STATES, ALERTS, SILENCES
from virtpulse.transports.interface import Outgoing

OPS = Receiver("ops")
SPEC = NotifierSpec("chat", (OPS,), ("host",), wait=3.0, interval=20.0, repeat=60.0)


def firing_state(one: Alert, *, inhibited: bool = False, rule: str = "", source: str = "kvm-07") -> AlertState:
    state = AlertState(
        fingerprint=one.fingerprint,
        state="firing",
        rule=rule or one.labels["alertname"],
        source=source,
        since=0.0,
        fired=0.0,
        alert=one,
    )
    if inhibited:
        state.inhibited = "0123456789abcdef"
    return state


def state_message(state: AlertState) -> Outgoing:
    return Outgoing(ALERT_STATES, state.fingerprint, encode(state), 0)


def fired(one: Alert) -> list[Outgoing]:
    return [Outgoing(ALERTS, one.labels["host"], encode(one), 0), state_message(firing_state(one))]


def resolved(one: Alert) -> list[Outgoing]:
    return [Outgoing(ALERTS, one.labels["host"], encode(one), 0), Outgoing(ALERT_STATES, one.fingerprint, b"", 0)]


def silenced(key: str, matcher: str, starts: float, ends: float) -> list[Outgoing]:
    silence = Silence(id=key, matchers=(matcher,), starts=starts, ends=ends, created=starts)
    return [Outgoing(SILENCES, key, encode(silence), 0)]


@dataclass
class World:
    """A transport with alerts that fire and end as the test has it."""

    transport: MemoryTransport
    clock: FakeClock
    began: dict[tuple[str, str], float] = field(default_factory=dict)

    def fires(self, rule: str = "CpuBusy", host: str = "kvm-07", severity: str = "warning") -> Alert:
        began = self.began[rule, host] = self.clock.time()
        one = alert(rule, severity, began=began, host=host)
        self.transport.append(fired(one))
        return one

    def ends(self, rule: str = "CpuBusy", host: str = "kvm-07", severity: str = "warning") -> Alert:
        one = alert(rule, severity, began=self.began.pop((rule, host)), ended=self.clock.time(), host=host)
        self.transport.append(resolved(one))
        return one

    def silence(self, matcher: str, seconds: float, key: str = "s1") -> None:
        self.transport.append(silenced(key, matcher, self.clock.time(), self.clock.time() + seconds))

    def silence_removed(self, key: str = "s1") -> None:
        self.transport.append([Outgoing(SILENCES, key, b"", 0)])


class Recorder:
    """Keeps what each receiver is told and when; `fails` says what goes wrong with a notification."""

    def __init__(self, clock: FakeClock, fails: Callable[[Notification], Exception | None] = lambda _: None) -> None:
        self.clock = clock
        self.fails = fails
        self.told: list[tuple[float, Notification]] = []
        self.tried = 0
        self.started = self.closed = 0

    async def start(self) -> None:
        """Count it."""
        self.started += 1

    async def send(self, notification: Notification) -> None:
        """Keep it, or fail."""
        self.tried += 1
        if (error := self.fails(notification)) is not None:
            raise error
        self.told.append((self.clock.time(), notification))

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    @property
    def said(self) -> list[list[str]]:
        """Return for each notification its alerts, `+` for one that fires and `-` for a resolved one."""
        return [said(notification) for _, notification in self.told]

    @property
    def news(self) -> list[int]:
        """Return for each notification how many of its alerts are news."""
        return [len(notification.news) for _, notification in self.told]


def said(notification: Notification) -> list[str]:
    return [
        f"{'+' if one.status == 'firing' else '-'}{one.labels['alertname']} {one.labels.get('host', '')}".strip()
        for one in notification.alerts
    ]


@dataclass
class Run:
    """A notifier that runs."""

    task: asyncio.Task[None]
    stopping: asyncio.Event
    counters: Counters
    clock: FakeClock

    async def stop(self) -> None:
        """Stop it in order; raises what it raised."""
        self.stopping.set()
        await self.clock.advance(3.0)
        assert self.task.done()
        self.task.result()

    async def kill(self) -> None:
        """Stop it as a crash would: nothing is told or stored any more."""
        self.task.cancel()
        await asyncio.wait([self.task])


def run(
    transport: MemoryTransport, notifier: Notifier, spec: NotifierSpec = SPEC, inhibitions: Sequence[Inhibition] = (),
    until: Until = Until.STOPPED,
) -> Run:  # fmt: skip
    counters, stopping = Counters(spec.name), asyncio.Event()
    assert isinstance(transport.clock, FakeClock)
    context = Context(transport, counters, stopping, transport.clock)
    task = asyncio.create_task(notify(spec, notifier, inhibitions, context, until))
    return Run(task, stopping, counters, transport.clock)
