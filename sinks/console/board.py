"""What the live table knows: the rows, and the sums of its header."""

import threading
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from sinks.console.settings import ConsoleSettings
from sinks.row import Name, Row, metrics
from sinks.severity import Level, level
from virtpulse.messages.aggregate import Aggregate

_QUIET_WINDOWS: Final = 3
_FORGET_WINDOWS: Final = 10


class View(NamedTuple):
    """The board at one moment.

    rows: those asked for, worst first, each with whether its source has gone quiet. total: all rows that there are.
    dropped: rows that had to go because there were too many. samples, late: since the start.
    start, end: the newest window that has closed, None before the first. critical, warning: rows of that level.
    """

    rows: Sequence[tuple[Row, bool]]
    total: int
    dropped: int
    sources: Sequence[str]
    samples: int
    late: int
    start: float | None
    end: float | None
    critical: int
    warning: int


class Board:
    """Rows by name, bounded in number. One thread may update it while another looks.

    Worst first means: by badness (`severity`), in steps of a tenth so that rows don't dance; among equals what moves
    stands before what is at zero, and that before what has no value; then faults before resources, performance and
    timings; the rest is by name. Rows of a source that has gone quiet stand at the end.
    """

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._rows: dict[Name, Row] = {}  # in the order of their latest window's arrival
        self._lock = threading.Lock()
        self._dropped = 0
        self._samples = 0
        self._late = 0
        self._start: float | None = None
        self._end: float | None = None

    def update(self, aggregate: Aggregate, now: float) -> None:
        """Take a window's aggregate; `now` by the monotonic clock."""
        with self._lock:
            self._samples += aggregate.samples
            self._late += aggregate.late
            if self._end is None or aggregate.end >= self._end:
                self._start, self._end = aggregate.start, aggregate.end
            for name, value in metrics(aggregate):
                row = self._rows.pop(name, None) or Row(name)
                self._rows[name] = row
                row.update(value, aggregate.start, aggregate.end, now)
            excess = max(0, len(self._rows) - self._settings.rows)
            self._dropped += excess
            for name in list(islice(self._rows, excess)):
                del self._rows[name]

    def view(self, count: int, now: float) -> View:
        """Return the board with at most `count` rows, after forgetting those that were silent for too long."""
        with self._lock:
            self._forget(now)
            ranked = sorted(self._rows.values(), key=lambda row: (self._is_quiet(row, now), row.rank()))
            levels = [level(row.bad) for row in ranked if not self._is_quiet(row, now)]
            return View(
                rows=[(row.snapshot(), self._is_quiet(row, now)) for row in ranked[:count]],
                total=len(ranked),
                dropped=self._dropped,
                sources=sorted({name.source for name in self._rows}),
                samples=self._samples,
                late=self._late,
                start=self._start,
                end=self._end,
                critical=levels.count(Level.CRITICAL),
                warning=levels.count(Level.WARNING),
            )

    def _is_quiet(self, row: Row, now: float) -> bool:
        return now - row.seen > max(self._settings.quiet, _QUIET_WINDOWS * row.size)

    def _forget(self, now: float) -> None:
        gone = [
            name for name, row in self._rows.items() if now - row.seen > max(self._settings.forget, _FORGET_WINDOWS * row.size)
        ]
        for name in gone:
            del self._rows[name]
