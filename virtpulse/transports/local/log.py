"""What one transport holds open of its log."""

from typing import NamedTuple

from virtpulse.clock import Clock
from virtpulse.transports.local.database_thread import DatabaseThread
from virtpulse.transports.local.notifier import Notifier
from virtpulse.transports.local.writer import Writer


class Log(NamedTuple):
    """One thread that writes, one that reads, the notifier that tells of new messages, and the clock."""

    writer: Writer
    reader: DatabaseThread
    notifier: Notifier
    clock: Clock
