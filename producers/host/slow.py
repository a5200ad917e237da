"""What changes seldom and is costly to ask for."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Slow(Generic[T]):
    """A value that is asked for anew only every `every` seconds, or when what it was asked about has changed."""

    def __init__(self, ask: Callable[[], T], every: float) -> None:
        self._ask = ask
        self._every = every
        self._held: tuple[float, object, T] | None = None

    def get(self, now: float, about: object = None) -> T:
        """Return the value at `now` by the monotonic clock. Raises what `ask` raises, and asks again the next time."""
        held = self._held
        if held is None or not 0 <= now - held[0] < self._every or held[1] != about:
            self._held = held = (now, about, self._ask())
        return held[2]
