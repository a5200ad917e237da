"""Where windows lie on the time line."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from processors.windows.rows import Floats
from processors.windows.shapes import Ints

MICROSECONDS: Final = 1e6  # in a second; a float, for whole numbers are divided in another way one by one than in arrays


def microseconds(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of `size` whose starts are multiples of `hop`, both in whole microseconds; window w starts at w * hop.

    Bounds are counted in whole numbers and divided last, so that where one window ends the next one starts to the last
    bit: between products of a fraction, as 0.1 s, there would be gaps that belong to no window.
    lateness: in seconds.
    """

    size: int
    hop: int
    lateness: float

    @property
    def overlapping(self) -> int:
        """The most windows that one moment lies in."""
        return -(-self.size // self.hop)

    @property
    def seconds(self) -> float:
        """How long a window is."""
        return self.size / MICROSECONDS

    def start(self, window: int) -> float:
        """Return where a window starts, in seconds since the epoch."""
        return window * self.hop / MICROSECONDS

    def end(self, window: int) -> float:
        """Return where a window ends, in seconds since the epoch; it does not hold that moment."""
        return (window * self.hop + self.size) / MICROSECONDS

    def starts(self, windows: Ints) -> Floats:
        """Return where windows start."""
        return windows * self.hop / MICROSECONDS

    def ends(self, windows: Ints) -> Floats:
        """Return where windows end."""
        return (windows * self.hop + self.size) / MICROSECONDS

    def last_window(self, time: Floats) -> Ints:
        """Return the last window that each time lies in; rounding of the division is put right."""
        windows = np.floor(time * (MICROSECONDS / self.hop)).astype(np.int64)
        windows -= self.starts(windows) > time
        windows += self.starts(windows + 1) <= time
        return windows
