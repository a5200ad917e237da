"""What a role is. Roles are thin: retry, batching, dead letters, counters, health and shutdown are the runtime's."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeVar

import msgspec

from virtpulse.clock import Clock
from virtpulse.messages.alert import Alert
from virtpulse.messages.sample import Sample
from virtpulse.transports.interface import Batch, Outgoing

S = TypeVar("S", bound=msgspec.Struct)


class Producer(Protocol):
    """A source of measurements."""

    def samples(self) -> AsyncGenerator[Sequence[Sample], None]:
        """Yield samples as they are taken, for ever; closing the generator is how the runtime stops it."""
        ...


@dataclass(slots=True)
class Output:
    """What a processor makes of a batch: messages to publish, and what is to be counted.

    taken: how many messages of the batch it stands for, all of them if None. A processor that has enough for one step
    is given the rest again once this is stored.
    """

    messages: list[Outgoing] = field(default_factory=list)
    refused: int = 0
    late: int = 0
    taken: int | None = None


class Processor(Protocol):
    """One partition's state and what it does to messages. It never waits and never calls a transport.

    The runtime makes one for each partition assigned to it, in this order: `restore` with what the state topics hold,
    `replay` with the messages that an earlier owner has processed, then `process`; `tick` only while the partition is
    read to its end, so that a gap between two ticks says that it was not. Calls never overlap. The runtime stores each
    Output together with `first_needed`, as one step.

    Several inputs come in no order relative to one another, and one may be replayed while another is processed already: state
    must not depend on that order.
    """

    def restore(self, batch: Batch) -> None:
        """Take up the latest messages of a state topic."""
        ...

    def replay(self, batch: Batch) -> None:
        """Rebuild state from messages whose output was stored before."""
        ...

    def process(self, batch: Batch) -> Output:
        """Take the next messages into account, at least the first one."""
        ...

    def tick(self) -> Output:
        """Do what the passing of time asks for."""
        ...

    def drain(self) -> Iterable[Output]:
        """Bring everything that is open to its end, in outputs small enough for a transaction each."""
        ...

    def first_needed(self) -> Mapping[str, int]:
        """Return by topic the first position that the open state was built from; a topic without open state is absent."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessorSpec:
    """How the runtime makes processors: which topics they read, and which compacted topics hold their state.

    reads: compacted topics that are restored as `states` are, but belong to others: a reset of the group leaves them alone.
    """

    name: str
    inputs: Sequence[str]
    states: Sequence[str]
    batch: int
    reads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """How the runtime feeds a sink: from which topics, and as which group; without a group it sees only what is new.

    states: compacted topics, of which it first sees all that stands, and then what is new; only without a group.
    """

    name: str
    inputs: Sequence[str]
    group: str | None
    batch: int = 500
    states: Sequence[str] = ()


class Sink(Protocol):
    """A destination. `write` returns once the batch is safe there; what it raises decides what happens to the batch."""

    async def start(self) -> None:
        """Open the destination."""
        ...

    async def write(self, batch: Batch) -> None:
        """Write all messages of the batch. Raises RetryableError, FatalError or RefusedError."""
        ...

    async def close(self) -> None:
        """Flush and close the destination."""
        ...


class Bot(Sink, Protocol):
    """A sink that also has something to say to the others, as a chat bot that was asked for a silence."""

    def outgoing(self) -> AsyncGenerator[Sequence[Outgoing], None]:
        """Yield what is to be published, for ever; closing the generator is how the runtime stops it."""
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody whom a notifier tells: a name of its own, and the matchers of the alerts that are meant for it, none for all."""

    name: str
    match: Sequence[str] = ()


class Repeats(Enum):
    """What a notifier tells again of the alerts that it has told and that still fire.

    AUDIBLE: those that are neither silenced nor inhibited, which is what people want. TOLD: all of them, for a program that
    takes an alert which is not repeated for resolved.
    """

    AUDIBLE = "audible"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class NotifierSpec:
    """How the runtime runs a notifier. Spans in seconds.

    group_by: labels by whose values alerts come together in one notification. wait: after a group's first change, for others to
    come along. interval: between two notifications of a group, at least, while the receiver believes something of it to fire; a
    group of which all was told as resolved begins anew with `wait`. repeat: after which what still fires is told again.
    watchdog: after which the Watchdog is told again, 0 if this notifier is not to tell of it. repeats: which alerts are repeated.
    """

    name: str
    receivers: Sequence[Receiver]
    group_by: Sequence[str]
    wait: float
    interval: float
    repeat: float
    watchdog: float = 0.0
    repeats: Repeats = Repeats.AUDIBLE


@dataclass(frozen=True, slots=True)
class Notification:
    """What one receiver is to be told of one group of alerts.

    group: the labels that its alerts share. alerts: all that fire, and those resolved since the last notification, worst
    first. news: the fingerprints of those that the receiver has not been told of as they are now; empty for a repetition.
    """

    receiver: str
    group: Mapping[str, str]
    alerts: Sequence[Alert]
    news: frozenset[str]


class Notifier(Protocol):
    """A way to tell people or programs of alerts. Grouping, silences, inhibition, order and retry are the runtime's."""

    async def start(self) -> None:
        """Prepare; nothing that needs the other side. Raises FatalError."""
        ...

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has it. Calls for one receiver never overlap; those for several may.

        Raises RetryableError (its `after` is honoured), FatalError, or RefusedError for what will never be taken: its reasons are
        by index in `alerts`, for each of them where the notification was refused whole; the others were taken. Those that are
        news become dead letters; what is only repeated was taken before, or has its letter.
        """
        ...

    async def close(self) -> None:
        """Give back what is open."""
        ...


@dataclass(frozen=True, slots=True)
class ProducerRole(Generic[S]):
    """A producer that the wiring knows. Importing it costs no more than its settings: `make` imports what it needs."""

    settings: type[S]
    make: Callable[[S, Clock], Producer]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule would make of recent data.

    on: what it judges. metrics, sources: how many it matched. worst: the worst latest value, None where there is none, and what
    it is of. pending, firing: alerts that would be so now. holds: seconds that its condition must hold before it fires. warning:
    what is odd about the rule, empty if nothing is.
    """

    rule: str
    on: str
    metrics: int
    sources: int
    worst: float | None
    worst_of: str
    pending: int
    firing: int
    holds: float
    warning: str


class Preview(Protocol):
    """What a processor with rules would make of recent data."""

    @property
    def holds(self) -> float:
        """The longest time, in seconds, that a condition must hold before its rule fires."""
        ...

    def take(self, batch: Batch) -> None:
        """Judge messages."""
        ...

    def judgements(self) -> Sequence[Judgement]:
        """Return what became of each rule."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessorRole(Generic[S]):
    """A processor that the wiring knows, as light as `ProducerRole`.

    make: returns what makes the processor of a partition. preview: the same for what `virtpulse check` shows of its rules.
    """

    settings: type[S]
    spec: Callable[[S], ProcessorSpec]
    make: Callable[[S, Clock], Callable[[int], Processor]]
    preview: Callable[[S, Clock], Preview] | None = None


@dataclass(frozen=True, slots=True)
class SinkRole(Generic[S]):
    """A sink that the wiring knows, as light as `ProducerRole`."""

    settings: type[S]
    spec: Callable[[S], SinkSpec]
    make: Callable[[S, Clock], Sink]


@dataclass(frozen=True, slots=True)
class BotRole(Generic[S]):
    """A bot that the wiring knows, as light as `ProducerRole`."""

    settings: type[S]
    spec: Callable[[S], SinkSpec]
    make: Callable[[S, Clock], Bot]


@dataclass(frozen=True, slots=True)
class NotifierRole(Generic[S]):
    """A notifier that the wiring knows, as light as `ProducerRole`."""

    settings: type[S]
    spec: Callable[[S], NotifierSpec]
    make: Callable[[S, Clock], Notifier]
