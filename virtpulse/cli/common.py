"""The options that every command takes, and what they lead to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter

from virtpulse.config.load import Configuration, Origin, load
from virtpulse.errors import UsageError
from virtpulse.logs import LogFormat, configure
from virtpulse.units import Duration
from virtpulse.wiring import LIFTED, SETTINGS

Span = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # lets "-5s" reach what says that it must be above 0

COMMON: Final = Group("Common options", sort_key=100)


@Parameter(name="*", group=COMMON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Where the configuration comes from, and what overrides it."""

    config: Path | None = None
    """Read the settings from this TOML file; else $VIRTPULSE_CONFIG, else virtpulse.toml here, else the defaults hold."""

    transport: str | None = None
    """URL of the log that all roles meet at, as in local:virtpulse.db."""

    log_format: LogFormat | None = None
    """How logs are written to standard error: console on a terminal, else json."""

    settings: Annotated[tuple[str, ...], Parameter(name="--set", negative=(), consume_multiple=False)] = ()
    """Set one setting, KEY=VALUE, as in --set processors.windows.size=2s; may be repeated."""


def configured(common: Common, options: Mapping[str, str] | None = None) -> Configuration:
    """Read the configuration and set up the logs as it says. Raises UsageError.

    `options`: what the command's own options set, by dotted key.
    """
    given = {"transport": common.transport, "log.format": common.log_format, **(options or {})}
    options_set = {key: value for key, value in given.items() if value is not None}
    configuration = load(Origin(common.config, common.settings, options_set), SETTINGS, lifted=LIFTED)
    configure(configuration.settings.log.format, configuration.settings.log.level)
    return configuration


def to_duration(text: str, option: str = "--duration") -> Duration:
    """Read the value of an option such as `--duration 30s`. Raises UsageError."""
    try:
        duration = Duration.parse(text)
    except ValueError as error:
        msg = f"{option} {error}"
        raise UsageError(msg) from error
    if not duration:
        msg = f'{option} must be above 0, got "{text}"'
        raise UsageError(msg)
    return duration


def console_options(*, json: bool) -> dict[str, str]:
    """Return what `--json` sets."""
    return {"sinks.console.format": "json"} if json else {}
