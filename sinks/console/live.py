"""Aggregates and alerts as a table that repaints itself, for people at a terminal."""

import asyncio
import atexit
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from sinks.aggregates import read_aggregate
from sinks.console.alert_board import AlertBoard
from sinks.console.board import Board
from sinks.console.settings import ConsoleSettings
from virtpulse.clock import Clock
from virtpulse.errors import FatalError, InvalidError
from virtpulse.transports.interface import Batch

if TYPE_CHECKING:
    from sinks.console.screen import Screen
    from sinks.console.stderr import KeptStderr
    from sinks.console.table import LiveTable

_LEAST_PAUSE: Final = 0.25  # seconds between two paints
_PAINT_SHARE: Final = 20  # a paint that took 1 s would be followed by a pause of 20 s: at most a twentieth of a core
_LONGEST_PAUSE: Final = 1.0  # the header's age grows, and the terminal may have been resized
_LOG_LINES: Final = 10
_LAST_WAIT: Final = 1.0
_AT_ONCE: Final = 20  # documents between two turns of the event loop


class LiveView:
    """Keeps a board of rows and one of alerts, and paints them from a thread of its own: a slow terminal never holds up the loop.

    If standard error is the same terminal, what is written there is shown below the table, and once more, whole, when
    the terminal is given back: on `close`, else when the interpreter ends.
    """

    def __init__(self, settings: ConsoleSettings, clock: Clock, fd: int, stderr: int) -> None:
        self._board = Board(settings)
        self._alerts = AlertBoard(settings.alerts)
        self._clock = clock
        self._fd = fd
        self._stderr = stderr
        self._news = threading.Event()
        self._ending = threading.Event()
        self._failure: FatalError | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Take the terminal over and begin to paint. Raises FatalError if it is gone."""
        from sinks.console.screen import Screen  # noqa: PLC0415 - rich is only loaded where a table is shown
        from sinks.console.table import LiveTable  # noqa: PLC0415 - the same

        screen, table = Screen(self._fd), LiveTable(self._board, self._alerts, self._clock)
        screen.enter()
        log = self._keep_stderr()
        self._thread = threading.Thread(target=self._run, args=(screen, table, log), name="console-live", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Bring the rows up to date; they are painted within a second."""
        if self._failure is not None:
            raise self._failure
        refused: dict[int, str] = {}
        for index, document in enumerate(documents):
            try:
                self._board.update(read_aggregate(document), self._clock.monotonic())
            except InvalidError as error:
                refused[index] = error.reason
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self._news.set()
        return refused

    async def tell(self, batch: Batch) -> Mapping[int, str]:
        """Bring the alerts up to date; they are painted within a second."""
        if self._failure is not None:
            raise self._failure
        refused = await asyncio.to_thread(self._alerts.update, batch, self._clock.time())
        self._news.set()
        return refused

    async def close(self) -> None:
        """Give the terminal back as it was."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        atexit.unregister(self._end)
        self._ending.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(_LAST_WAIT)

    def _keep_stderr(self) -> "KeptStderr | None":
        from sinks.console.stderr import KeptStderr  # noqa: PLC0415 - it starts a thread: only where a table is shown

        try:
            same = os.ttyname(self._stderr) == os.ttyname(self._fd)
        except OSError:  # one of them is no terminal
            return None
        return KeptStderr(self._stderr, self._news.set) if same else None

    def _run(self, screen: "Screen", table: "LiveTable", log: "KeptStderr | None") -> None:
        with ExitStack() as undone:
            if log is not None:
                undone.callback(log.close)
            try:
                self._paint(screen, table, log)
                screen.leave()
            except FatalError as error:
                self._failure = error
            except Exception as error:  # noqa: BLE001 - it is raised by the next `show`, for whoever runs the sink
                self._failure = FatalError(f"the live table could not be drawn: {error!r}")
                self._failure.__cause__ = error
                screen.leave()

    def _paint(self, screen: "Screen", table: "LiveTable", log: "KeptStderr | None") -> None:
        while not self._ending.is_set():
            self._news.clear()
            begun = self._clock.monotonic()
            screen.paint(table.renderable(log.tail(_LOG_LINES) if log is not None else ()))
            pause = max(_LEAST_PAUSE, _PAINT_SHARE * (self._clock.monotonic() - begun))
            self._ending.wait(pause)
            self._wait_for_change(screen, _LONGEST_PAUSE - pause)

    def _wait_for_change(self, screen: "Screen", longest: float) -> None:
        size, waited = screen.size(), 0.0
        while waited < longest and screen.size() == size and not self._news.wait(_LEAST_PAUSE):
            waited += _LEAST_PAUSE
