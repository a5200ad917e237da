"""The window engine: batches of samples in, closed windows and late samples out. It knows no topic and no transport."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from processors.windows.collect import Collector
from processors.windows.counting import Counting
from processors.windows.emit import Emitter
from processors.windows.grid import Grid, microseconds
from processors.windows.inventory import Arrival, Inventory
from processors.windows.judge import Judge, Verdict
from processors.windows.openwindows import OpenWindows
from processors.windows.rows import Floats, Refusal, Rows, in_order
from processors.windows.settings import WindowsSettings
from processors.windows.shapes import Shapes
from processors.windows.views import View, Views
from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import MAX_WINDOW_METRICS
from virtpulse.messages.sample import MAPS
from virtpulse.transports.interface import Batch, Outgoing

_MOST_SUMMANDS: Final = 2_000_000  # pairs times their windows that are worked on together, some 100 bytes each
_STUCK: Final = 60.0  # seconds that a view's event time may stand still beyond its window, at least


class Late(NamedTuple):
    """A sample that came too late: its document, the message it stood in, and the windows it missed."""

    message: int
    document: bytes
    missed: list[tuple[float, float]]


@dataclass(slots=True)
class Outcome:
    """What the first `taken` messages of a batch led to, each list in the order of the log."""

    aggregates: list[Outgoing] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    taken: int = 0


class _Closing(NamedTuple):
    """A window that closes: at which row of the batch, its own number and its place on the time line."""

    row: int
    window: int
    number: int
    late: int


class _Timeline(NamedTuple):
    """The rows of a batch, sorted by view: which row, and up to where its view's windows are closed once it was seen."""

    rows: list[int]
    levels: list[float]


class Engine:
    """One partition's windows."""

    def __init__(self, settings: WindowsSettings, partition: int) -> None:
        self._idle = float(settings.idle)
        self._grid = Grid(microseconds(settings.size), microseconds(settings.step), float(settings.lateness))
        self._most_pairs = max(1, _MOST_SUMMANDS // self._grid.overlapping)
        self._views = Views()
        self._shapes = Shapes()
        self._open = OpenWindows(self._views, self._shapes)
        self._collector = Collector(self._views, self._shapes, float(settings.ahead))
        self._judge = Judge(self._grid, self._views, self._shapes)
        self._counting = Counting(self._grid, self._views, self._shapes, self._open)
        self._emitter = Emitter(self._grid, self._views, self._shapes, self._open, partition)
        self.inventory = Inventory(self._views, float(settings.forget), partition)

    def first_needed(self) -> int | None:
        """Return the position of the first message that an open window holds."""
        return self._open.first_needed()

    def take(self, batch: Batch, monotonic: float, now: float) -> Outcome:
        """Take messages into account, in the order of the log: all, or as many as make a step of bounded size."""
        rows, refusals, taken = self._collector.collect(batch, self._open.layouts)
        outcome = Outcome(refusals=refusals, taken=taken)
        for part in rows.parts(self._most_pairs):
            self._take_rows(part, batch, outcome, monotonic, now)
        if outcome.refusals:
            outcome.refusals = in_order(outcome.refusals)
            self.inventory.forget_strangers()
        return outcome

    def replay(self, batch: Batch, monotonic: float, now: float) -> None:
        """Rebuild state from messages whose outcome was stored: all but the late samples, whose number was stored too."""
        late = self._views.late.copy()
        done = 0
        while done < len(batch):
            done += self.take(batch.slice(done, len(batch)), monotonic, now).taken
        self._views.late[: len(late)] = late
        self._views.late[len(late) :] = 0
        self.inventory.changed.clear()

    def close_quiet(self, monotonic: float, limit: int) -> list[Outgoing]:
        """Close windows of views that have been quiet, at most `limit`; only for when all messages were read.

        A view that goes on sending while its event time stands still is taken for quiet too, after a while: its windows
        would grow for ever.
        """
        number = np.flatnonzero(self._open.view[: self._open.height] >= 0)
        view = self._open.view[number]
        views = self._views
        due = np.where(views.due[view] > 0, views.due[view], views.interval[view])
        quiet = np.maximum(self._idle, 3 * due)
        still = monotonic - views.advanced[view]
        present = views.newest[view] + still - self._grid.lateness - quiet
        stuck = still >= self._grid.seconds + self._grid.lateness + np.maximum(quiet, _STUCK)
        ready = ((monotonic - views.heard[view] >= quiet) | stuck) & (self._open.end[number] <= present)
        return self._close_early(self._earliest_first(number[ready].tolist())[:limit])

    def close_all(self, limit: int) -> Iterator[list[Outgoing]]:
        """Close every window, at most `limit` at a time; what is yielded must be stored before the next is asked for."""
        numbers = self._earliest_first(np.flatnonzero(self._open.view[: self._open.height] >= 0).tolist())
        for start in range(0, len(numbers), limit):
            yield self._close_early(numbers[start : start + limit])

    def _take_rows(self, rows: Rows, batch: Batch, outcome: Outcome, monotonic: float, now: float) -> None:
        verdict = self._judge.judge(rows)
        positions = np.asarray(batch.positions, np.int64)[rows.message]
        taken_in: Floats = np.asarray(batch.times, np.float64)[rows.message]
        outcome.refusals += [_too_wide(rows, row) for row in self._counting.count(rows, verdict, positions)]
        self.inventory.see(rows, verdict, Arrival(positions, taken_in, monotonic, now))
        late = np.flatnonzero(verdict.missed.any(axis=1))
        outcome.late.extend(self._late(rows, verdict, row) for row in late.tolist())
        closings = self._closings(rows, verdict, late.tolist())
        outcome.aggregates.extend(self._close(closings))

    def _late(self, rows: Rows, verdict: Verdict, row: int) -> Late:
        windows = sorted(verdict.windows[row][verdict.missed[row]].tolist())
        missed = [(self._grid.start(window), self._grid.end(window)) for window in windows]
        return Late(int(rows.message[row]), rows.documents[row], missed)

    def _closings(self, rows: Rows, verdict: Verdict, late: Sequence[int]) -> list[_Closing]:
        """Return the windows that the rows close, in the order of the log, each with the late samples it tells of."""
        late_by_view: dict[int, list[int]] = {}
        for row in late:
            late_by_view.setdefault(int(rows.view[row]), []).append(row)
        self.inventory.changed.update(late_by_view)
        views = self._views
        levels = verdict.reached - self._grid.lateness
        bounds = np.concatenate((verdict.segments, [len(rows)]))
        closing = np.flatnonzero(levels[bounds[1:] - 1] >= views.next_end[verdict.views])
        closings: list[_Closing] = []
        if len(closing):
            timeline = _Timeline(verdict.order.tolist(), levels.tolist())
            numbers, starts, stops = (column[closing].tolist() for column in (verdict.views, bounds[:-1], bounds[1:]))
            for number, start, stop in zip(numbers, starts, stops, strict=True):
                closings += self._closings_of(views[number], timeline, start, stop, late_by_view.pop(number, []))
        for number, missed in late_by_view.items():
            views.late[number] += len(missed)
        return sorted(closings)

    def _closings_of(self, view: View, timeline: _Timeline, start: int, stop: int, late: list[int]) -> Iterator[_Closing]:
        rows, levels = timeline
        pending = int(self._views.late[view.number])
        told = 0
        reached = levels[stop - 1]
        for window, number in sorted(view.open):
            end = self._grid.end(window)
            if end > reached:
                break
            row = rows[bisect_left(levels, end, start, stop)]
            known = pending + bisect_right(late, row)
            yield _Closing(row, window, number, known - told)
            told = known
        if told:
            self.inventory.changed.add(view.number)
        self._views.late[view.number] = pending + len(late) - told

    def _earliest_first(self, numbers: list[int]) -> list[int]:
        """Sort open windows by what they are, not by their numbers, which depend on how messages came in batches."""
        window, view = self._open.window[numbers].tolist(), self._open.view[numbers].tolist()
        named = ((self._views[one].source, self._views[one].view) for one in view)
        return [number for _, _, number in sorted(zip(window, named, numbers, strict=True))]

    def _close_early(self, numbers: list[int]) -> list[Outgoing]:
        """Close windows that no sample closes, and note in the inventory how far."""
        views = self._views
        closings: list[_Closing] = []
        for number in numbers:
            view = int(self._open.view[number])
            closings.append(_Closing(0, int(self._open.window[number]), number, int(views.late[view])))
            views.late[view] = 0
            views.closed_until[view] = max(views.closed_until[view], self._open.end[number])
            self.inventory.changed.add(view)
        return self._close(closings)

    def _close(self, closings: list[_Closing]) -> list[Outgoing]:
        if not closings:
            return []
        numbers = [closing.number for closing in closings]
        aggregates = list(self._emitter.aggregates(numbers, [closing.late for closing in closings]))
        for window in self._open.close(numbers):
            self._judge.forget(window)
        return aggregates


def _too_wide(rows: Rows, row: int) -> Refusal:
    reason = (
        f"a window must have at most {MAX_WINDOW_METRICS} metrics: not counted in those that would have more with this sample"
    )
    return Refusal(int(rows.message[row]), int(rows.index[row]), rows.documents[row], InvalidError(MAPS[0], reason))
