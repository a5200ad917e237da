"""What retention took before it was read."""

from virtpulse.logs import get_logger
from virtpulse.runtime.counters import Counters
from virtpulse.transports.interface import Assigned, Batch

_log = get_logger(__name__)


def note_skipped(event: Assigned | Batch, counters: Counters) -> None:
    """Count and log the messages that a reader will never see, if there are any."""
    if event.skipped:
        counters.skipped += event.skipped
        _log.warning("retention took messages before they were read", role=counters.role, messages=event.skipped)
