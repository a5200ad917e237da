"""The host producer: one sample of all subsystems at each tick."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from producers.host.cpu import Cpu
from producers.host.deltas import Deltas
from producers.host.devices import Devices
from producers.host.disk import Disks
from producers.host.facts import Facts
from producers.host.filesystem import Filesystems, Types
from producers.host.frequency import Frequency
from producers.host.guard import UNREADABLE, Notices
from producers.host.limits import FileHandles, ProcessLimit
from producers.host.memory import Memory, OomKills, PageFaults, Swap
from producers.host.mounts import Mounts
from producers.host.network import Nics, Tcp
from producers.host.pressure import Pressure
from producers.host.procfs import Proc
from producers.host.rows import Rows, Subsystem
from producers.host.settings import HostSettings, source_of
from virtpulse.clock import Clock
from virtpulse.logs import get_logger
from virtpulse.messages.sample import Sample
from virtpulse.runtime.schedule import ticks

_MOST_DISKS: Final = 100  # 5 rows each; with those of the others a sample keeps its bound of 2,000 metrics
_MOST_NICS: Final = 150  # 6 rows each
_MOST_FILESYSTEMS: Final = 200  # 2 rows each
_SYSFS: Final = Path("/sys")

_log = get_logger(__name__)


class HostProducer:
    """Samples of this machine.

    The first sample comes at once and has no rates, which need two looks; so has the first after the machine was
    suspended. The others stand for the time since the look before. A tick that comes
    too late is skipped, which is logged once.
    """

    def __init__(self, settings: HostSettings, clock: Clock, sysfs: Path = _SYSFS, mounts: Mounts | None = None) -> None:
        notices = Notices()
        self._clock = clock
        self._interval = float(settings.interval)
        self._source = source_of(settings)
        self._notices = notices
        self._deltas = Deltas(self._interval)
        self._proc = Proc()
        self._facts = Facts(notices, sysfs)
        self._filesystems = Filesystems(
            Devices("filesystem", settings.exclude_filesystems, _MOST_FILESYSTEMS, notices),
            Types(settings.include_filesystem_types, settings.exclude_filesystem_types),
            mounts or Mounts(notices),
        )
        self._subsystems: Sequence[Subsystem] = (
            Cpu(self._proc),
            Frequency(sysfs),
            Memory(),
            Swap(self._proc),
            PageFaults(self._proc),
            OomKills(self._proc),
            Disks(Devices("disk", settings.exclude_disks, _MOST_DISKS, notices), sysfs),
            Nics(Devices("nic", settings.exclude_nics, _MOST_NICS, notices), notices),
            Tcp(self._proc),
            ProcessLimit(self._proc),
            FileHandles(self._proc),
            Pressure("cpu", ("some",), self._proc),
            Pressure("memory", ("some", "full"), self._proc),
            Pressure("io", ("some", "full"), self._proc),
        )

    async def samples(self) -> AsyncGenerator[Sequence[Sample], None]:
        """Yield one sample at each tick of the schedule, for ever."""
        async with aclosing(ticks(self._interval, self._clock)) as schedule:
            async for skipped in schedule:
                if skipped:
                    self._notices.skipped(skipped)
                yield [await self.look()]

    async def look(self) -> Sample:
        """Take a sample now. What cannot be measured is left out, which is logged once."""
        time = self._clock.time()
        deltas = self._deltas
        deltas.begin(self._clock.monotonic())
        if deltas.away:
            _log.warning("nothing was measured for a while, was the machine suspended? rates start anew", seconds=deltas.away)
        rows = self._look_at_subsystems()
        await self._look_at_filesystems(rows)
        return Sample(
            source=self._source,
            time=time,
            interval=deltas.dt or self._interval,
            resources=rows.resources,
            performance=rows.performance,
            faults=rows.faults,
            timings=rows.timings,
            facts=self._facts.get(deltas.now),
        )

    def _look_at_subsystems(self) -> Rows:
        self._proc.begin()
        rows = Rows()
        for subsystem in self._subsystems:
            try:
                rows.add(subsystem.look(self._deltas))
            except UNREADABLE as error:
                self._notices.left_out(subsystem.name, error)
        return rows

    async def _look_at_filesystems(self, rows: Rows) -> None:
        try:
            rows.add(await self._filesystems.look(self._deltas.now))
        except UNREADABLE as error:
            self._notices.left_out(self._filesystems.name, error)
