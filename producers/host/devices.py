"""Which disks, NICs and filesystems are measured, and what they are called in metric keys."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from producers.host.guard import Notices
from virtpulse.messages import bounds

_LONGEST: Final = bounds.MAX_KEY_CHARS - 60  # the longest metric name and the direction need the rest


class Devices:
    """The choice among the devices of one kind: those not excluded, at most `limit`, so that a sample keeps its bounds."""

    def __init__(self, kind: str, exclude: Sequence[str], limit: int, notices: Notices) -> None:
        self._kind = kind
        self._exclude = exclude
        self._limit = limit
        self._notices = notices
        self._names: Sequence[str] = ()
        self._chosen: Sequence[tuple[str, str]] = ()

    def choose(self, names: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return the devices that are measured, each with its name in metric keys."""
        if names != self._names:
            self._names, self._chosen = names, self._choice(names)
        return self._chosen

    def _choice(self, names: Sequence[str]) -> Sequence[tuple[str, str]]:
        wanted = [(name, device_of(name)) for name in names if not any(fnmatchcase(name, glob) for glob in self._exclude)]
        fitting = [pair for pair in wanted if len(pair[1]) <= _LONGEST]
        advice = f"leave some out with exclude_{self._kind}s"
        if len(fitting) < len(wanted):
            self._notices.left_out(f"{self._kind}s with long names", f"a name has more than {_LONGEST} characters; {advice}")
        if len(fitting) > self._limit:
            self._notices.left_out(f"further {self._kind}s", f"there are {len(fitting)}, {self._limit} are measured; {advice}")
        return fitting[: self._limit]


def device_of(name: str) -> str:
    """Return a name as the device part of a metric key: spaces, control characters and `%` in percent encoding."""
    if bounds.DEVICE.fullmatch(name) and name.isprintable() and "%" not in name:
        return name
    return "".join(_encoded(char) for char in name)


def _encoded(char: str) -> str:
    if char.isprintable() and not char.isspace() and char != "%":
        return char
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
