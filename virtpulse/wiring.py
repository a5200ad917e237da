"""Which roles there are, and how each is made from its settings. The only module of the core that imports roles.

Each role is imported when it is used: a process that only samples must not pay for NumPy or rich.
"""

# ruff: file-ignore[PLC0415] - a process pays for the roles that it runs, so each is imported where it is made

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from virtpulse.clock import Clock
from virtpulse.config.load import Configuration, SettingsTypes
from virtpulse.errors import UsageError
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.roles import Processor, ProcessorKind, Producer, Sink, SinkKind
from virtpulse.runtime.stages import Layer, Stage
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

if TYPE_CHECKING:
    from processors.windows.settings import WindowsSettings
    from producers.host.settings import HostSettings
    from sinks.console.settings import ConsoleSettings
    from sinks.jsonl.settings import JsonlSettings

Section = Literal["producers", "processors", "sinks"]
R = TypeVar("R")


class Group(NamedTuple):
    """The topics that a group reads, and the compacted ones that hold its state."""

    inputs: Sequence[str]
    states: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What roles are made with: all settings, the transport, the clock, and how long they run."""

    configuration: Configuration
    transport: Transport
    clock: Clock
    until: Until = Until.STOPPED

    def context(self, counters: Counters, stopping: asyncio.Event) -> Context:
        """Return what a role is run with, by what it counts and how it is told to stop."""
        return Context(self.transport, counters, stopping, self.clock)


@dataclass(frozen=True, slots=True)
class _Role(Generic[R]):
    """How a role comes to be: the type of its settings, and what makes it of a configuration that holds them."""

    settings: Callable[[], type[msgspec.Struct]]
    make: Callable[[Configuration, Clock], R]


def _host_settings() -> "type[HostSettings]":
    from producers.host.settings import HostSettings

    return HostSettings


def _host(configuration: Configuration, clock: Clock) -> Producer:
    from producers.host import HostProducer

    return HostProducer(configuration.role("producers", "host", _host_settings()), clock)


def _windows_settings() -> "type[WindowsSettings]":
    from processors.windows.settings import WindowsSettings

    return WindowsSettings


def _windows(configuration: Configuration, clock: Clock) -> tuple[ProcessorKind, Callable[[int], Processor]]:
    from processors.windows.processor import WindowsProcessor, kind

    settings = configuration.role("processors", "windows", _windows_settings())
    return kind(settings), partial(WindowsProcessor, settings, clock)


def _console_settings() -> "type[ConsoleSettings]":
    from sinks.console.settings import ConsoleSettings

    return ConsoleSettings


def _console(configuration: Configuration, clock: Clock) -> tuple[SinkKind, Sink]:
    from sinks.console import ConsoleSink, kind

    settings = configuration.role("sinks", "console", _console_settings())
    return kind(settings), ConsoleSink(settings, clock)


def _jsonl_settings() -> "type[JsonlSettings]":
    from sinks.jsonl.settings import JsonlSettings

    return JsonlSettings


def _jsonl(configuration: Configuration, clock: Clock) -> tuple[SinkKind, Sink]:
    from sinks.jsonl import JsonlSink, kind

    settings = configuration.role("sinks", "jsonl", _jsonl_settings())
    return kind(settings), JsonlSink(settings, clock)


_PRODUCERS: Final = {"host": _Role(_host_settings, _host)}
_PROCESSORS: Final = {"windows": _Role(_windows_settings, _windows)}
_SINKS: Final = {"console": _Role(_console_settings, _console), "jsonl": _Role(_jsonl_settings, _jsonl)}

SETTINGS: Final[SettingsTypes] = {
    "producers": {name: role.settings for name, role in _PRODUCERS.items()},
    "processors": {name: role.settings for name, role in _PROCESSORS.items()},
    "sinks": {name: role.settings for name, role in _SINKS.items()},
}


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


def role_settings(configuration: Configuration, section: Section, name: str) -> msgspec.Struct:
    """Return a role's settings. Raises UsageError for a name that is not known."""
    _require(section, name, section)
    return configuration.role(section, name, SETTINGS[section][name]())


def open_configured(configuration: Configuration, clock: Clock) -> Transport:
    """Return the transport of the configuration, not yet started. Raises UsageError."""
    return open_transport(configuration.settings.transport, clock, local=configuration.settings.local)


def stages(setting: Setting, roles: Mapping[Section, Iterable[str]]) -> list[Stage]:
    """Make the roles ready to run. Raises UsageError for a name that is not known or settings that do not fit."""
    return [_STAGES[section](setting, name) for section, asked in roles.items() for name in asked]


def groups(configuration: Configuration, clock: Clock) -> dict[str, Group]:
    """Return each group of the known roles; a role without a group has no positions."""
    found: dict[str, Group] = {}
    for processor in _PROCESSORS.values():
        kind, _ = processor.make(configuration, clock)
        found[kind.name] = Group(kind.inputs, kind.states)
    for sink in _SINKS.values():
        sink_kind, _ = sink.make(configuration, clock)
        if sink_kind.group is not None:
            found[sink_kind.group] = Group(sink_kind.inputs)
    return found


def _producer_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.producing import produce

    _require("producers", name, "producer")
    producer = _PRODUCERS[name].make(setting.configuration, setting.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return produce(producer, setting.context(counters, stopping))

    return Stage(name, Layer.PRODUCER, counters, run)


def _processor_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.processing import process

    _require("processors", name, "processor")
    kind, build = _PROCESSORS[name].make(setting.configuration, setting.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return process(kind, build, setting.context(counters, stopping), setting.until)

    return Stage(name, Layer.PROCESSOR, counters, run)


def _sink_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.sinking import feed

    _require("sinks", name, "sink")
    kind, sink = _SINKS[name].make(setting.configuration, setting.clock)
    counters, ready = Counters(name), asyncio.Event()

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return feed(kind, sink, setting.context(counters, stopping), setting.until, ready)

    return Stage(name, Layer.SINK, counters, run, ready)


_STAGES: Final[Mapping[Section, Callable[[Setting, str], Stage]]] = {
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
