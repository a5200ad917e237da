"""From a URL to what apprise makes of it."""

import difflib
import logging
import re
from dataclasses import dataclass
from typing import Final

import apprise
from apprise.apprise import N_MGR

from sinks.chat.message import Room
from virtpulse.errors import UsageError
from virtpulse.redaction import hide

MOST_CHARS: Final = 4_000  # of a message, also where the service takes more: it is people who read it

_TITLE_CHARS: Final = 200
_MARKUP_SHARE: Final = 0.7  # of a service's room; the rest is for what escaping adds
_MATRIX: Final = frozenset({"matrix", "matrixs"})
_SCHEME: Final = re.compile(r"\s*([A-Za-z0-9]{1,20})://")
_LOGGER: Final = logging.getLogger("apprise")


@dataclass(frozen=True, slots=True)
class Opened:
    """What apprise made of a URL. scheme: how the service is named. room: what a message may take there."""

    plugin: apprise.NotifyBase
    scheme: str
    room: Room

    @property
    def title_in_body(self) -> bool:
        """Whether a title is to be a line of the text: apprise would write it as Markdown there, into plain text."""
        return self.scheme in _MATRIX

    @property
    def reusable(self) -> bool:
        """Whether it may send a second message. With an access token, apprise gives all messages to Matrix one transaction id.

        The server would take the second one for the first, sent again, and drop it.
        """
        return not (self.scheme in _MATRIX and not self.plugin.user)


def opened(name: str, url: str, lines: int, timeout: float) -> Opened:
    """Return the service of a URL; nothing is connected. lines: at most so many a message. timeout: of a request, in seconds.

    Raises UsageError, which names the receiver and not the URL.
    """
    _quieten()
    where = f'sinks.chat.to.url of "{name}"'
    found = _SCHEME.match(url)
    if found is None:
        msg = f"{where} must be a URL of apprise's, as matrixs://USER:PASSWORD@HOST/ROOM"
        raise UsageError(msg)
    scheme = found[1].lower()
    asset = apprise.AppriseAsset(
        app_id="virtpulse", app_desc="virtpulse", app_url="", async_mode=False, service_timeout=0, allow_templates=False
    )
    asset.image_url_mask = asset.image_url_logo = ""  # pictures that services would load from apprise's home
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        msg = f"{where} {_why_not(scheme)}"
        raise UsageError(msg)
    if plugin.socket_read_timeout == type(plugin).socket_read_timeout:  # else the URL has its own
        plugin.socket_read_timeout = timeout
    _hide_private(plugin)
    return Opened(plugin, scheme, _room(plugin, lines))


def _quieten() -> None:
    """Keep apprise's records, which may hold URLs with passwords, from the logs of the process; all of them can be captured."""
    if not _LOGGER.handlers:
        _LOGGER.addHandler(logging.NullHandler())
    _LOGGER.propagate = False
    _LOGGER.setLevel(logging.DEBUG)


def _why_not(scheme: str) -> str:
    known = sorted(N_MGR.schemas())  # type: ignore[no-untyped-call] # apprise types all but this
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"names a service that apprise does not know, {scheme}://{hint}"
    plugin = N_MGR[scheme]
    if not plugin.enabled:
        packages = plugin.requirements.get("packages_required") or ()
        needed = packages if isinstance(packages, str) else ", ".join(map(str, packages))
        return f"names a service that cannot run here, {scheme}://{f'; it needs {needed}' if needed else ''}"
    return f"is not complete: apprise cannot use it as {scheme}://; see its documentation for what belongs into one"


def _hide_private(plugin: apprise.NotifyBase) -> None:
    """Let no log show what of the URL apprise holds for private."""
    for name, token in {**plugin.template_tokens, **plugin.template_args}.items():
        value = getattr(plugin, token.get("map_to", name), None) if token.get("private") else None
        if isinstance(value, str):
            hide(value)


def _room(plugin: apprise.NotifyBase, lines: int) -> Room:
    plain = plugin.resolve_format(apprise.NotifyFormat.TEXT) == apprise.NotifyFormat.TEXT
    chars = plugin.body_maxlen if plain else int(plugin.body_maxlen * _MARKUP_SHARE)
    title_chars = plugin.title_maxlen if plugin.title_maxlen > 0 else _TITLE_CHARS
    return Room(min(lines, plugin.body_max_line_count or lines), min(chars, MOST_CHARS), min(title_chars, _TITLE_CHARS))
