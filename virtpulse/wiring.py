"""Which roles there are, and how each becomes a stage that runs. The only module of the core that imports roles.

Each role is imported when it is used: a process that only samples must not pay for NumPy or rich.
"""

# ruff: file-ignore[PLC0415] - a process pays for the roles that it runs, so each is imported where it is used

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import msgspec

from virtpulse.clock import Clock
from virtpulse.config.load import Configuration, Lifted, SettingsTypes
from virtpulse.errors import UsageError
from virtpulse.messages.notified import is_told_by
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.roles import BotRole, NotifierRole, NotifierSpec, Preview, ProcessorRole, ProducerRole, SinkRole
from virtpulse.runtime.stages import Layer, Stage
from virtpulse.runtime.until import Until
from virtpulse.topics import ALERTS, NOTIFICATIONS
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

Section = Literal["producers", "processors", "sinks"]
AnySink = SinkRole[Any] | BotRole[Any] | NotifierRole[Any]
Feeding = Callable[[Context, Until, asyncio.Event], Awaitable[None]]


def _every(_key: str) -> bool:
    return True


class Group(NamedTuple):
    """The topics that a group reads, and the compacted ones that hold its state.

    owns: whether the record with a key is of its state; others may keep theirs on the same topics.
    """

    inputs: Sequence[str]
    states: Sequence[str] = ()
    owns: Callable[[str], bool] = _every


@dataclass(frozen=True, slots=True)
class Deployment:
    """What roles are made with: all settings, the transport, the clock, and how long they run."""

    configuration: Configuration
    transport: Transport
    clock: Clock
    until: Until = Until.STOPPED

    def context(self, counters: Counters, stopping: asyncio.Event) -> Context:
        """Return what a role with these counters runs in, until `stopping` is set."""
        return Context(self.transport, counters, stopping, self.clock)


def _host() -> ProducerRole[Any]:
    from producers.host.role import ROLE

    return ROLE


def _windows() -> ProcessorRole[Any]:
    from processors.windows.role import ROLE

    return ROLE


def _alerts() -> ProcessorRole[Any]:
    from processors.alerts.role import ROLE

    return ROLE


def _console() -> SinkRole[Any]:
    from sinks.console.role import ROLE

    return ROLE


def _jsonl() -> SinkRole[Any]:
    from sinks.jsonl.role import ROLE

    return ROLE


def _chat() -> NotifierRole[Any]:
    from sinks.chat.role import ROLE

    return ROLE


def _webhook() -> NotifierRole[Any]:
    from sinks.webhook.role import ROLE

    return ROLE


def _alertmanager() -> NotifierRole[Any]:
    from sinks.alertmanager.role import ROLE

    return ROLE


def _matrix() -> BotRole[Any]:
    from sinks.matrix.role import ROLE

    return ROLE


_PRODUCERS: Final = {"host": _host}
_PROCESSORS: Final = {"windows": _windows, "alerts": _alerts}
_SINKS: Final[Mapping[str, Callable[[], AnySink]]] = {
    "console": _console,
    "jsonl": _jsonl,
    "chat": _chat,
    "webhook": _webhook,
    "alertmanager": _alertmanager,
    "matrix": _matrix,
}


def _settings(role: Callable[[], ProducerRole[Any] | ProcessorRole[Any] | AnySink]) -> type[msgspec.Struct]:
    return role().settings


SETTINGS: Final[SettingsTypes] = {
    "producers": {name: partial(_settings, role) for name, role in _PRODUCERS.items()},
    "processors": {name: partial(_settings, role) for name, role in _PROCESSORS.items()},
    "sinks": {name: partial(_settings, role) for name, role in _SINKS.items()},
}

LIFTED: Final[Lifted] = {"rules": ("processors", "alerts")}


def names(section: Section) -> tuple[str, ...]:
    """Return the names of all roles of a section."""
    return tuple(SETTINGS[section])


def chosen(configuration: Configuration) -> Mapping[Section, tuple[str, ...]]:
    """Return the roles that `virtpulse up` runs. Raises UsageError for a name that is not known."""
    up = configuration.settings.up
    roles: Mapping[Section, tuple[str, ...]] = {"producers": up.producers, "processors": up.processors, "sinks": up.sinks}
    for section, asked in roles.items():
        for name in asked:
            _require(section, name, f"up.{section}")
    return {section: tuple(dict.fromkeys(asked)) for section, asked in roles.items()}


def left_out(configuration: Configuration, roles: Mapping[Section, tuple[str, ...]]) -> list[str]:
    """Return the sinks that the configuration has receivers for and that are not among `roles`."""
    named = configuration.roles.get("sinks", {})
    return [name for name, settings in named.items() if getattr(settings, "to", ()) and name not in roles["sinks"]]


def role_settings(configuration: Configuration, section: Section, name: str) -> msgspec.Struct:
    """Return a role's settings. Raises UsageError for a name that is not known."""
    _require(section, name, section)
    return configuration.role(section, name, SETTINGS[section][name]())


def open_configured(configuration: Configuration, clock: Clock) -> Transport:
    """Return the transport of the configuration, not yet started. Raises UsageError."""
    return open_transport(configuration.settings.transport, clock, local=configuration.settings.local)


def stages(deployment: Deployment, roles: Mapping[Section, Iterable[str]]) -> list[Stage]:
    """Make the roles ready to run. Raises UsageError for a name that is not known or settings that do not fit."""
    return [_STAGES[section](deployment, name) for section, asked in roles.items() for name in asked]


def previews(configuration: Configuration, clock: Clock) -> list[Preview]:
    """Return what says of the rules of each processor that `virtpulse up` runs what they would make of recent data."""
    roles = {name: _PROCESSORS[name]() for name in chosen(configuration)["processors"]}
    found = ((role.preview, role_settings(configuration, "processors", name)) for name, role in roles.items())
    return [preview(settings, clock) for preview, settings in found if preview is not None]


def groups(configuration: Configuration) -> dict[str, Group]:
    """Return each group of the known roles; a role without a group has no positions."""
    found: dict[str, Group] = {}
    for name, processor in _PROCESSORS.items():
        spec = processor().spec(role_settings(configuration, "processors", name))
        found[spec.name] = Group(spec.inputs, spec.states)
    for name, sink in _SINKS.items():
        sink_spec = sink().spec(role_settings(configuration, "sinks", name))
        if isinstance(sink_spec, NotifierSpec):
            found[sink_spec.name] = Group((ALERTS,), (NOTIFICATIONS,), partial(is_told_by, sink_spec.name))
        elif sink_spec.group is not None:
            found[sink_spec.group] = Group(sink_spec.inputs)
    return found


def _producer_stage(deployment: Deployment, name: str) -> Stage:
    from virtpulse.runtime.producing import produce

    settings = role_settings(deployment.configuration, "producers", name)
    producer = _PRODUCERS[name]().make(settings, deployment.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return produce(producer, deployment.context(counters, stopping))

    return Stage(name, Layer.PRODUCER, counters, run)


def _processor_stage(deployment: Deployment, name: str) -> Stage:
    from virtpulse.runtime.processing import process

    settings = role_settings(deployment.configuration, "processors", name)
    role = _PROCESSORS[name]()
    build = role.make(settings, deployment.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return process(role.spec(settings), build, deployment.context(counters, stopping), deployment.until)

    return Stage(name, Layer.PROCESSOR, counters, run)


def _sink_stage(deployment: Deployment, name: str) -> Stage:
    settings = role_settings(deployment.configuration, "sinks", name)
    feeding = _feeding(deployment, _SINKS[name](), settings)
    counters, ready = Counters(name), asyncio.Event()

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return feeding(deployment.context(counters, stopping), deployment.until, ready)

    return Stage(name, Layer.SINK, counters, run, ready)


def _feeding(deployment: Deployment, role: AnySink, settings: msgspec.Struct) -> Feeding:
    """Make a sink, a bot or a notifier; return what runs it."""
    if isinstance(role, NotifierRole):
        from virtpulse.runtime.notifying.notifier import notify

        inhibitions = deployment.configuration.settings.inhibit
        return partial(notify, role.spec(settings), role.make(settings, deployment.clock), inhibitions)
    if isinstance(role, BotRole):
        from virtpulse.runtime.conversing import converse

        return partial(converse, role.spec(settings), role.make(settings, deployment.clock))
    from virtpulse.runtime.sinking import feed

    return partial(feed, role.spec(settings), role.make(settings, deployment.clock))


_STAGES: Final[Mapping[Section, Callable[[Deployment, str], Stage]]] = {
    "producers": _producer_stage,
    "processors": _processor_stage,
    "sinks": _sink_stage,
}


def _require(section: Section, name: str, where: str) -> None:
    known = names(section)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        msg = f'{where}: "{name[:80]}" is not known; {hint}there are: {", ".join(known)}'
        raise UsageError(msg)
