"""What can be set of the windows."""

import msgspec

from virtpulse.errors import UsageError
from virtpulse.units import Duration

_LONGEST = 366 * 86_400.0
_MOST_OVERLAPPING = 1_000
_MOST_AT_ONCE = 100_000
_SHORTEST_MEMORY = 60.0  # seconds


class WindowsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[processors.windows]`.

    size: length of a window. hop: distance of their starts; windows tumble where it is not set.
    lateness: how far a source's own samples may be out of order. idle: after what quiet a view's windows close.
    ahead: how far a sample may be dated after the time at which the log took it in.
    forget: after what time without a sample a source leaves the inventory, a minute or more.
    batch: messages that are handled, and stored, as one step; where windows overlap, fewer, as each does more.
    """

    size: Duration = Duration(10)
    hop: Duration | None = None
    lateness: Duration = Duration(2)
    idle: Duration = Duration(5)
    ahead: Duration = Duration(600)
    forget: Duration = Duration(7 * 86_400)
    batch: int = 5_000

    def __post_init__(self) -> None:
        """Check what no type can say. Raises UsageError."""
        if not 0.01 <= self.size <= _LONGEST:
            msg = f"processors.windows.size must be from 10ms to 366d, got {float(self.size):g} s"
            raise UsageError(msg)
        if not 0.01 <= self.step <= self.size:
            msg = f"processors.windows.hop must be from 10ms to size, else samples fall between windows, got {self.step:g} s"
            raise UsageError(msg)
        for name, span in (("size", self.size), ("hop", self.step)):
            microseconds = span * 1e6
            if abs(microseconds - round(microseconds)) > 1e-3:
                msg = f"processors.windows.{name} must be a whole number of microseconds, got {microseconds:.15g} us"
                raise UsageError(msg)
        if self.size > _MOST_OVERLAPPING * self.step:
            msg = f"processors.windows.hop must be at least size / {_MOST_OVERLAPPING}, got {self.step:g} s"
            raise UsageError(msg)
        if self.forget < _SHORTEST_MEMORY:
            msg = f"processors.windows.forget must be at least 1m, else live sources would go, got {float(self.forget):g} s"
            raise UsageError(msg)
        if not 1 <= self.batch <= _MOST_AT_ONCE:
            msg = f"processors.windows.batch must be from 1 to {_MOST_AT_ONCE}, got {self.batch}"
            raise UsageError(msg)

    @property
    def step(self) -> float:
        """Seconds between the starts of two windows."""
        return float(self.size if self.hop is None else self.hop)

    @property
    def messages_a_step(self) -> int:
        """How many messages are handled as one step."""
        return max(1, int(self.batch * self.step / self.size))
