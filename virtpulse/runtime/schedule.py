"""A steady schedule: ticks on a grid that neither drifts nor catches up."""

import math
from collections.abc import AsyncGenerator

from virtpulse.clock import Clock


async def ticks(interval: float, clock: Clock) -> AsyncGenerator[int, None]:
    """Tick at once, then every `interval` seconds by the monotonic clock, for ever.

    Ticks lie on the grid `start + n * interval`, however long the work between them takes. A tick whose time has passed
    when the next one is asked for is skipped, never made up for. Yields how many were skipped just before this one.
    """
    start = clock.monotonic()
    last = 0
    yield 0
    while True:
        passed = math.floor((clock.monotonic() - start) / interval)
        due = max(passed, last) + 1
        await clock.sleep(max(start + due * interval - clock.monotonic(), 0.0))
        skipped, last = due - last - 1, due
        yield skipped
