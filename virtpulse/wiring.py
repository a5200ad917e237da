"""Which roles there are, and how each is made from its settings. The only module of the core that imports roles.

Each role is imported when it is used: a process that only samples must not pay for NumPy or rich.
"""

# ruff: file-ignore[PLC0415] - a process pays for the roles that it runs, so each is imported where it is made

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from virtpulse.clock import Clock
from virtpulse.config.load import Configuration, SettingsTypes
from virtpulse.errors import UsageError
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.roles import Processor, ProcessorKind, Producer, Sink, SinkKind
from virtpulse.runtime.stages import Layer, Stage
from virtpulse.runtime.until import Until
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

Section = Literal["producers", "processors", "sinks"]
S = TypeVar("S", bound=msgspec.Struct)


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


def _host_settings() -> type[msgspec.Struct]:
    from producers.host.settings import HostSettings

    return HostSettings


def _windows_settings() -> type[msgspec.Struct]:
    from processors.windows.settings import WindowsSettings

    return WindowsSettings


def _console_settings() -> type[msgspec.Struct]:
    from sinks.console.settings import ConsoleSettings

    return ConsoleSettings


def _jsonl_settings() -> type[msgspec.Struct]:
    from sinks.jsonl.settings import JsonlSettings

    return JsonlSettings


def _host(configuration: Configuration, clock: Clock) -> Producer:
    from producers.host import HostProducer
    from producers.host.settings import HostSettings

    return HostProducer(_settings(configuration, "producers", "host", HostSettings), clock)


def _windows(configuration: Configuration, clock: Clock) -> tuple[ProcessorKind, Callable[[int], Processor]]:
    from processors.windows.processor import WindowsProcessor, kind
    from processors.windows.settings import WindowsSettings

    settings = _settings(configuration, "processors", "windows", WindowsSettings)
    return kind(settings), partial(WindowsProcessor, settings, clock)


def _console(configuration: Configuration, clock: Clock) -> tuple[SinkKind, Sink]:
    from sinks.console import ConsoleSink, kind
    from sinks.console.settings import ConsoleSettings

    settings = _settings(configuration, "sinks", "console", ConsoleSettings)
    return kind(settings), ConsoleSink(settings, clock)


def _jsonl(configuration: Configuration, clock: Clock) -> tuple[SinkKind, Sink]:
    from sinks.jsonl import JsonlSink, kind
    from sinks.jsonl.settings import JsonlSettings

    settings = _settings(configuration, "sinks", "jsonl", JsonlSettings)
    return kind(settings), JsonlSink(settings, clock)


SETTINGS: Final[SettingsTypes] = {
    "producers": {"host": _host_settings},
    "processors": {"windows": _windows_settings},
    "sinks": {"console": _console_settings, "jsonl": _jsonl_settings},
}
_PRODUCERS: Final[Mapping[str, Callable[[Configuration, Clock], Producer]]] = {"host": _host}
_PROCESSORS: Final[Mapping[str, Callable[[Configuration, Clock], tuple[ProcessorKind, Callable[[int], Processor]]]]] = {
    "windows": _windows
}
_SINKS: Final[Mapping[str, Callable[[Configuration, Clock], tuple[SinkKind, Sink]]]] = {"console": _console, "jsonl": _jsonl}


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
    for build in _PROCESSORS.values():
        kind, _ = build(configuration, clock)
        found[kind.name] = Group(kind.inputs, kind.states)
    for open_sink in _SINKS.values():
        sink_kind, _ = open_sink(configuration, clock)
        if sink_kind.group is not None:
            found[sink_kind.group] = Group(sink_kind.inputs)
    return found


def _producer_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.producing import produce

    _require("producers", name, "producer")
    producer = _PRODUCERS[name](setting.configuration, setting.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return produce(producer, setting.transport, counters, stopping, setting.clock)

    return Stage(name, Layer.PRODUCER, counters, run)


def _processor_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.processing import process

    _require("processors", name, "processor")
    kind, build = _PROCESSORS[name](setting.configuration, setting.clock)
    counters = Counters(name)

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return process(kind, build, setting.transport, counters, stopping, setting.clock, setting.until)

    return Stage(name, Layer.PROCESSOR, counters, run)


def _sink_stage(setting: Setting, name: str) -> Stage:
    from virtpulse.runtime.sinking import feed

    _require("sinks", name, "sink")
    kind, sink = _SINKS[name](setting.configuration, setting.clock)
    counters, ready = Counters(name), asyncio.Event()

    def run(stopping: asyncio.Event) -> Awaitable[None]:
        return feed(kind, sink, setting.transport, counters, stopping, setting.clock, setting.until, ready)

    return Stage(name, Layer.SINK, counters, run, ready)


_STAGES: Final[Mapping[Section, Callable[[Setting, str], Stage]]] = {
    "producers": _producer_stage,
    "processors": _processor_stage,
    "sinks": _sink_stage,
}


def _settings(configuration: Configuration, section: Section, name: str, kind: type[S]) -> S:
    settings = configuration.role(section, name, kind)
    if not isinstance(settings, kind):
        msg = f"{section}.{name} was read as {type(settings).__name__}, not as {kind.__name__}"
        raise TypeError(msg)
    return settings


def _require(section: Section, name: str, where: str) -> None:
    known = names(section)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        msg = f'{where}: "{name[:80]}" is not known; {hint}there are: {", ".join(known)}'
        raise UsageError(msg)
