"""What one transport holds open of its log."""

from typing import NamedTuple

from virtpulse.clock import Clock
from virtpulse.transports.local.bell import Bell
from virtpulse.transports.local.lane import Lane
from virtpulse.transports.local.writer import Writer


class Log(NamedTuple):
    """One thread that writes, one that reads, the bell that tells of new messages, and the clock."""

    writer: Writer
    reader: Lane
    bell: Bell
    clock: Clock
