"""The inventory: what the worker knows of each view, kept on the sources topic."""

import math
import zlib
from typing import NamedTuple

import msgspec
import numpy as np

from processors.windows.judge import Verdict
from processors.windows.rows import Floats, Rows
from processors.windows.shapes import Ints
from processors.windows.views import NEVER, View, Views, merged
from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.codec import decode, encode
from virtpulse.messages.sample import Ended
from virtpulse.messages.source import Source, inventory_key
from virtpulse.topics import SOURCES
from virtpulse.transports.interface import Batch, Outgoing

_HEARD_LATELY = 3_600.0
_JITTER = 0.25  # by which share of it an interval varies without being another one
_log = get_logger(__name__)


class Arrival(NamedTuple):
    """How rows came: by row the positions of their messages and when the log took these in; the worker's own clocks."""

    positions: Ints
    taken_in: Floats
    monotonic: float
    now: float


class Inventory:
    """Keeps the views' numbers and facts up to date, and writes their records."""

    def __init__(self, views: Views, forget: float, partition: int) -> None:
        self._views = views
        self._forget = forget
        self._partition = partition
        self.changed: set[int] = set()
        self._deleted: set[int] = set()

    def restore(self, batch: Batch, now: float) -> None:
        """Take up records. One that can't be read is said and left out: it would be written anew at the next sample."""
        for message in batch:
            try:
                record = decode(message.value, Source)
                name = record.source, record.view
                view = self._views.find(name) or self._views.add(*name)
            except (msgspec.DecodeError, UnicodeDecodeError, InvalidError) as error:
                _log.warning("source record left out", key=message.key, reason=str(error))
                continue
            self._take_up(view, record, now)

    def _take_up(self, view: View, record: Source, now: float) -> None:
        number, views = view.number, self._views
        view.facts = dict(record.facts)
        self._note_end(view, record.ended or None)
        views.sighted[number] = True
        views.first[number], views.last[number] = record.first, record.last
        views.restored[number] = record.time
        views.interval[number], views.due[number] = record.interval or 0.0, record.due or 0.0
        views.told_interval[number], views.told_due[number] = views.interval[number], views.due[number]
        views.late[number] = record.late
        views.closed_until[number] = NEVER if record.closed_until is msgspec.UNSET else record.closed_until
        views.rewrite[number] = now + self._spread(view)

    def see(self, rows: Rows, verdict: Verdict, arrival: Arrival) -> None:
        """Take rows into account."""
        views, number = self._views, verdict.views
        ends = np.append(verdict.segments[1:], len(rows)) - 1
        last = verdict.order[ends]
        self._sight(number[~views.sighted[number]], verdict, arrival)
        newest = verdict.reached[ends]
        views.advanced[number[newest > views.newest[number]]] = arrival.monotonic
        views.newest[number] = newest
        views.heard[number] = arrival.monotonic
        views.last[number] = arrival.taken_in[last]
        views.position[number] = arrival.positions[last]
        views.interval[number] = _or_zero(rows.interval[last])
        views.due[number] = _or_zero(rows.due[last])
        self._compare_spans(number)
        self._learn(rows, verdict.order)
        self._end(rows, number, last)

    def forget_strangers(self) -> None:
        """Drop the views of which no valid sample ever came."""
        fresh = np.flatnonzero(~self._views.sighted[: self._views.height])
        for number in fresh.tolist():
            view = self._views.by_number[number] if number < len(self._views.by_number) else None
            if view is not None:
                self._views.remove(view)

    def forgotten(self, monotonic: float, now: float, limit: int) -> list[Outgoing]:
        """Drop the views without a sample for as long as `forget`, at most `limit`, and return what removes their records.

        None that was heard a short while ago: the clock may have jumped.
        """
        views = self._views
        height = views.height
        old = views.sighted[:height] & (views.last[:height] < now - self._forget) & np.isinf(views.next_end[:height])
        heard = np.where(np.isinf(views.heard[:height]), -np.inf, views.heard[:height])
        old &= monotonic - heard >= min(self._forget, _HEARD_LATELY)
        return [self._drop(views[number]) for number in np.flatnonzero(old)[:limit].tolist()]

    def deleted(self, first_needed: int | None, limit: int) -> list[Outgoing]:
        """Drop the views that ended as deleted and have no open window, at most `limit`, and return what removes their records.

        Only once no replay will see a message of theirs, that is, all are before `first_needed`: without their record nobody
        would know by then how far their windows were closed by quiet.
        """
        views = self._views
        found: list[Outgoing] = []
        for number in sorted(self._deleted):
            replayed = first_needed is not None and views.position[number] >= first_needed
            if len(found) < limit and not replayed and not views[number].open:
                found.append(self._drop(views[number]))
        return found

    def renew(self, now: float, limit: int) -> None:
        """Mark the records that are to be written again because of their age, at most `limit`."""
        height = self._views.height
        due = np.flatnonzero(self._views.rewrite[:height] <= now)[:limit]
        self._views.rewrite[due] = now + self._forget / 10
        self.changed.update(due.tolist())

    def records(self) -> list[Outgoing]:
        """Return the records of the views that have changed since the last call."""
        found = [self._record(self._views[number]) for number in sorted(self.changed)]
        self.changed.clear()
        return found

    def _record(self, view: View) -> Outgoing:
        views, number = self._views, view.number
        closed_until = float(views.closed_until[number])
        views.told_interval[number], views.told_due[number] = views.interval[number], views.due[number]
        record = Source(
            source=view.source,
            view=view.view or msgspec.UNSET,
            first=float(views.first[number]),
            last=float(views.last[number]),
            time=float(max(views.newest[number], views.restored[number])),
            interval=float(views.interval[number]) or msgspec.UNSET,
            due=float(views.due[number]) or msgspec.UNSET,
            ended=view.ended or msgspec.UNSET,
            closed_until=closed_until if math.isfinite(closed_until) else msgspec.UNSET,
            late=int(views.late[number]),
            facts=view.facts,
        )
        return Outgoing(SOURCES, inventory_key(view.source, view.view), encode(record), self._partition)

    def _drop(self, view: View) -> Outgoing:
        self.changed.discard(view.number)
        self._deleted.discard(view.number)
        self._views.remove(view)
        return Outgoing(SOURCES, inventory_key(view.source, view.view), b"", self._partition)

    def _sight(self, new: Ints, verdict: Verdict, arrival: Arrival) -> None:
        first = verdict.order[verdict.segments]
        for number in new.tolist():
            place = int(np.searchsorted(verdict.views, number))
            self._views.sighted[number] = True
            self._views.first[number] = arrival.taken_in[first[place]]
            self._views.rewrite[number] = arrival.now + self._spread(self._views[number])
            self.changed.add(number)

    def _compare_spans(self, number: Ints) -> None:
        """Mark the records that say another interval, or another `due`, than what holds now: silence is judged by them."""
        views = self._views
        for now, told in ((views.interval[number], views.told_interval[number]), (views.due[number], views.told_due[number])):
            differs = np.abs(now - told) > _JITTER * told
            if differs.any():
                self.changed.update(number[differs].tolist())

    def _learn(self, rows: Rows, order: Ints) -> None:
        identity = rows.identity
        differs = (identity != self._views.facts_identity[rows.view]) & (identity >= 0)
        if not differs.any():
            return
        of_those = np.isin(rows.view, rows.view[differs])
        for row in order[of_those[order]].tolist():
            facts, number = rows.facts[row], int(rows.view[row])
            if identity[row] < 0 or identity[row] == self._views.facts_identity[number]:
                continue
            view = self._views[number]
            more = merged(view.facts, facts.content)
            self._views.facts_identity[number] = identity[row]
            if more != view.facts:
                view.facts = more
                self.changed.add(number)

    def _end(self, rows: Rows, number: Ints, last: Ints) -> None:
        touched = set(number[self._views.gone[number]].tolist())
        touched.update(int(rows.view[row]) for row in rows.ended)
        for one in touched:
            view = self._views[one]
            ended = rows.ended.get(int(last[np.searchsorted(number, one)]))
            if ended != view.ended:
                self._note_end(view, ended)
                self.changed.add(one)

    def _note_end(self, view: View, ended: Ended | None) -> None:
        view.ended = ended
        self._views.gone[view.number] = bool(ended)
        if ended == "deleted":
            self._deleted.add(view.number)
        else:
            self._deleted.discard(view.number)

    def _spread(self, view: View) -> float:
        """Return after how long a record is first written again, spread evenly over the views."""
        name = inventory_key(view.source, view.view)
        return self._forget / 10 * (zlib.crc32(name.encode()) / 2**32)


def _or_zero(spans: Floats) -> Floats:
    """Return 0 for what is not a number, a fifth of the time that NumPy's own function takes on a few."""
    known: Floats = np.where(np.isnan(spans), 0.0, spans)
    return known
