"""What every role counts."""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """The counts of one role since it started; `lag` and `pending` are what they are now.

    received: messages taken in, from the log or from the producer. sent: messages stored, or written by a sink, or notifications
    that a receiver took.
    refused: documents that nobody will take. late: documents that missed a window. retried: calls made again.
    replayed: messages read again to rebuild state. skipped: messages that retention took before they were read.
    dropped: messages thrown away because a buffer was full. silenced, inhibited: alerts kept back from a receiver before it knew
    of them, by a silence or by another alert.
    lag: messages that wait in the log. pending: messages taken in whose outcome is not stored yet; of a notifier the groups of
    alerts with news that is not told yet.
    """

    role: str
    received: int = 0
    sent: int = 0
    refused: int = 0
    late: int = 0
    retried: int = 0
    replayed: int = 0
    skipped: int = 0
    dropped: int = 0
    silenced: int = 0
    inhibited: int = 0
    lag: int = 0
    pending: int = 0

    def summary(self) -> dict[str, int]:
        """Return every count by its name."""
        counts: dict[str, int] = {name: count for name, count in asdict(self).items() if name != "role"}
        return counts
