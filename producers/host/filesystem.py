"""Filesystems: how much of their space and inodes is used."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import psutil

from producers.host.devices import Devices
from producers.host.mounts import Mounts
from producers.host.rows import Rows
from producers.host.slow import Slow

_REFRESH: Final = 10.0  # seconds


class Types(NamedTuple):
    """Filesystem types beside the real ones that are measured, and real ones that are not."""

    include: Sequence[str]
    exclude: Sequence[str]


class Filesystems:
    """Each device once, at its shortest mount point. Asynchronous, unlike the other subsystems, because mounts may hang."""

    name: Final = "filesystems"

    def __init__(self, devices: Devices, types: Types, mounts: Mounts) -> None:
        self._devices = devices
        self._types = types
        self._mounts = mounts
        self._points = Slow(self._find, _REFRESH)

    async def look(self, now: float) -> Rows:
        """Return `system.filesystem.utilization` and `.inodes` of each, at `now` by the monotonic clock."""
        chosen = self._devices.choose(self._points.get(now))
        answers = await self._mounts.ask([point for point, _ in chosen])
        rows = Rows()
        for point, device in chosen:
            if (answer := answers.get(point)) is None:
                continue
            used = (answer.f_blocks - answer.f_bfree) * answer.f_frsize
            free = answer.f_bavail * answer.f_frsize
            rows.resources[f"system.filesystem.utilization@{device}"] = (used, used + free)
            if answer.f_files:  # 0 where inodes are made as needed, as on btrfs
                rows.resources[f"system.filesystem.inodes@{device}"] = (answer.f_files - answer.f_ffree, answer.f_files)
        return rows

    def _find(self) -> list[str]:
        mounted = {mount.mountpoint: mount for mount in psutil.disk_partitions(all=False)}
        if self._types.include:
            further = (mount for mount in psutil.disk_partitions(all=True) if mount.fstype in self._types.include)
            mounted.update({mount.mountpoint: mount for mount in further})
        points: dict[str, str] = {}
        for point in sorted(mounted, key=lambda point: (len(point), point)):
            if mounted[point].fstype not in self._types.exclude:
                points.setdefault(mounted[point].device, point)
        return list(points.values())
