"""What a user may set of the host producer."""

import re
import socket
from typing import Final

import msgspec

from virtpulse.messages import bounds
from virtpulse.units import Duration

_SHORTEST: Final = 0.01
_NOT_IN_A_SOURCE: Final = re.compile(r"[^A-Za-z0-9._:-]+")
_IMAGES: Final = ("squashfs", "iso9660", "udf", "erofs", "cramfs")


class HostSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this machine is sampled.

    interval: time between two samples, from 10ms up.
    source: what the samples are from; empty: this machine's name. A guest that knows its host says `host/guest`.
    exclude_filesystems, exclude_disks, exclude_nics: names to leave out, with `*` and `?`; filesystems by mount point.
    exclude_filesystem_types: types to leave out; read-only images, which are always full, unless set otherwise.
    include_filesystem_types: types to measure although no disk of this machine holds them, as `nfs4`.
    """

    interval: Duration = Duration(1)
    source: str = ""
    exclude_filesystems: tuple[str, ...] = ()
    exclude_filesystem_types: tuple[str, ...] = _IMAGES
    include_filesystem_types: tuple[str, ...] = ()
    exclude_disks: tuple[str, ...] = ("fd*",)
    exclude_nics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges. Raises ValueError with what is allowed."""
        if not _SHORTEST <= self.interval <= bounds.MAX_INTERVAL:
            msg = f"interval must be from 10ms to {bounds.MAX_INTERVAL / 86_400:g}d, got {float(self.interval):g} s"
            raise ValueError(msg)
        if self.source and not bounds.is_source(self.source):
            msg = (
                f"source must be empty or a path of 1 to {bounds.MAX_SOURCE_SEGMENTS} segments of [A-Za-z0-9._:-], "
                f"as host or host/guest, of at most {bounds.MAX_SOURCE_CHARS} characters, got {self.source[:80]!r}"
            )
            raise ValueError(msg)


def source_of(settings: HostSettings) -> str:
    """Return the source that the samples carry: the one set, else this machine's name made fit for one."""
    return settings.source or source_from(socket.gethostname())


def source_from(host_name: str) -> str:
    """Return a host name as one segment of a source; what a source may not hold becomes `-`."""
    cleaned = _NOT_IN_A_SOURCE.sub("-", host_name).strip("-")[: bounds.MAX_SOURCE_CHARS]
    return cleaned if bounds.is_source(cleaned) else "localhost"
