"""From a transport's URL to its adapter, which is imported only when it is used."""

from pathlib import Path
from typing import Final

from virtpulse.clock import Clock
from virtpulse.errors import UsageError
from virtpulse.transports.interface import Transport
from virtpulse.transports.local.settings import LocalSettings

_LATER: Final = {"kafka": "kafka://", "mqtt": "mqtt://", "mqtts": "mqtt://"}


def open_transport(url: str, clock: Clock, *, local: LocalSettings | None = None) -> Transport:
    """Return the transport that `url` names, not yet started. Raises UsageError for a URL that names none.

    `local:PATH` is a log in the file PATH; a relative PATH starts in the current folder, `~` is the user's home.
    """
    scheme, separator, rest = url.partition(":")
    if separator and scheme == "local":
        return _open_local(rest, clock, local or LocalSettings())
    if separator and scheme in _LATER:
        msg = f"this version does not have the transport {_LATER[scheme]} yet: use local:PATH"
        raise UsageError(msg)
    msg = f'the transport "{url}" is not known: use local:PATH (kafka:// and mqtt:// come with a later version)'
    raise UsageError(msg)


def _open_local(rest: str, clock: Clock, settings: LocalSettings) -> Transport:
    from virtpulse.transports.local.transport import LocalTransport  # noqa: PLC0415 - a process pays for what it uses

    if not rest or "\0" in rest:
        msg = f"the transport local:{rest!a} names no file: write local:PATH, for example local:virtpulse.db"
        raise UsageError(msg)
    return LocalTransport(Path(rest).expanduser(), settings, clock)
