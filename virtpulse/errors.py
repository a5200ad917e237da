"""Every error that virtpulse raises on purpose. An error carries the decision of whoever catches it.

VirtpulseError
├── UsageError         wrong usage or configuration: say it and exit with 2
├── RetryableError     the same call may succeed later: back off and try again
├── FatalError         it will not succeed until somebody does something: stop
│   └── OutputClosedError  whoever read the output has left, as `head` does: stop quietly
├── RefusedError       these messages will never be taken, the others can be
├── PartitionLostError another worker owns the partition now: drop its state, go on reading
└── InvalidError       a document from outside breaks the rules: dead letter
"""

from collections.abc import Mapping


class VirtpulseError(Exception):
    """The root of all errors raised on purpose. Its text is fit for a user: what is wrong and what to do."""


class UsageError(VirtpulseError):
    """Wrong usage or a wrong configuration; nothing was started."""


class RetryableError(VirtpulseError):
    """It failed for now; nothing was stored or acknowledged, and the same call may be made again.

    `after`: seconds that the other side asked to be left alone for, 0 if it did not.
    """

    def __init__(self, message: str = "", *, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class FatalError(VirtpulseError):
    """It failed, and trying again will not help; nothing was stored or acknowledged."""


class OutputClosedError(FatalError):
    """Whoever read the output has left, as `head` does when it has enough: the end, but not a failure."""


class RefusedError(VirtpulseError):
    """Some messages of a batch, at least one, will never be taken. Whoever raises it says whether the others were stored.

    `reasons` maps the index in the batch to why that message was refused.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(reasons)
        self.first = next(iter(self.reasons.values()), "no reason given")
        super().__init__(f"{len(self.reasons)} message(s) refused, the first because: {self.first}")


class PartitionLostError(VirtpulseError):
    """Another worker of the group took this partition over; nothing was stored or acknowledged."""

    def __init__(self, partition: int, reason: str) -> None:
        self.partition = partition
        super().__init__(f"partition {partition} was taken over: {reason}")


class InvalidError(VirtpulseError):
    """A document breaks the rules of its kind. `field` is the field that does, as `time` or `resources.KEY`."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(reason)

    def bare(self) -> "InvalidError":
        """Return the same without its traceback, which holds on to all that was parsed: for keeping many of them."""
        return InvalidError(self.field, self.reason)
