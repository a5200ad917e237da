"""The settings of the core. Those of a role live with the role."""

import os
from pathlib import Path

import msgspec

from virtpulse.logs import LogFormat, LogLevel
from virtpulse.messages.inhibition import Inhibition
from virtpulse.transports.local.settings import LocalSettings


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[log]`. Without a format: `console` on a terminal, else `json`."""

    format: LogFormat | None = None
    level: LogLevel = "info"


class UpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[up]`: the roles that `virtpulse up` runs, by name."""

    producers: tuple[str, ...] = ("host",)
    processors: tuple[str, ...] = ("windows", "alerts")
    sinks: tuple[str, ...] = ("console",)


def default_transport() -> str:
    """Return the URL of the log in the user's state folder."""
    state = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return f"local:{folder / 'virtpulse' / 'virtpulse.db'}"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above and beside the tables of roles.

    transport: the URL of the log that all roles meet at. local: the table `[local]`, how a `local:` log keeps messages.
    inhibit: the tables `[[inhibit]]`, which alerts no notifier tells of while others fire.
    """

    transport: str = msgspec.field(default_factory=default_transport)
    log: LogSettings = LogSettings()
    local: LocalSettings = LocalSettings()
    up: UpSettings = UpSettings()
    inhibit: tuple[Inhibition, ...] = ()
