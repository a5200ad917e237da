"""When to stop, and why: signals, or whatever else asks for it."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from virtpulse.clock import Clock
from virtpulse.logs import get_logger

SAME_SIGNAL: Final = 0.5  # seconds; `timeout` and shells may send a signal twice, to the process and to its group

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = get_logger(__name__)


class Shutdown:
    """A request to stop, its reason, and whether it is to be at once."""

    def __init__(self, clock: Clock) -> None:
        self.requested = asyncio.Event()
        self.at_once = asyncio.Event()
        self.reason = ""
        self._clock = clock
        self._since = 0.0

    def request(self, reason: str) -> None:
        """Ask for an orderly stop; only the first reason counts."""
        if not self.requested.is_set():
            self.reason = reason
            self._since = self._clock.monotonic()
            self.requested.set()

    def on_signal(self, number: signal.Signals) -> None:
        """Stop in order at the first signal, at once at the next."""
        if not self.requested.is_set():
            _log.info("stopping; the same signal again stops at once", signal=number.name)
            self.request(number.name)
        elif self._clock.monotonic() - self._since >= SAME_SIGNAL:
            _log.warning("stopping at once; another signal kills the process", signal=number.name)
            self.at_once.set()
            for each in _SIGNALS:
                if asyncio.get_running_loop().remove_signal_handler(each):
                    signal.signal(each, signal.SIG_DFL)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take SIGTERM, SIGINT and SIGHUP as requests to stop, the last unless it is ignored, as `nohup` has it."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        if before[signal.SIGHUP] is signal.SIG_IGN:
            del before[signal.SIGHUP]
        for number in before:
            loop.add_signal_handler(number, partial(self.on_signal, number))
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)
