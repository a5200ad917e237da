"""From messages to rows of numbers.

Each document is decoded, packed and dropped at once: kept, they would cost more than all the arithmetic that follows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from processors.windows.shapes import Ints, ShapeKey, Shapes
from processors.windows.views import Facts, Views, facts_of
from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.reading import WHOLE, documents, read_sample
from virtpulse.messages.sample import Fact, Pairs, host_of
from virtpulse.transports.interface import Batch

Floats = npt.NDArray[np.float64]

# A packed row is a MessagePack array (its mark is 1 byte long up to 15 members, then 3) of _HEADER numbers and its pairs.
# A number is a mark and 8 bytes, big-endian; a pair is the mark of an array of 2 and two numbers.
_HEADER: Final = 8
_NUMBER: Final = 9
_PAIR: Final = 1 + 2 * _NUMBER
_TOGETHER: Final = 256  # documents whose colons are counted at once: so many fit into a cache
_COLON: Final = ord(":")


class _Absent(tuple[None]):
    """Stands for a map that is not there: None as its only key, and no values."""

    __slots__ = ()

    def values(self) -> tuple[()]:
        """Return what there is."""
        return ()


_ABSENT: Final[Any] = _Absent((None,))
_REFUSED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidError)


class _Look(msgspec.Struct, gc=False):
    """A sample as it is read here: what is not there is a value that JSON can't say, or that no sample may say."""

    source: str
    time: float
    view: str = ""
    interval: float = math.nan
    due: float = math.nan
    ended: str = ""
    resources: Pairs = _ABSENT
    performance: Pairs = _ABSENT
    faults: Pairs = _ABSENT
    timings: Pairs = _ABSENT
    facts: dict[str, Fact] | None = None


@dataclass(slots=True)
class Refusal:
    """A document that breaks the rules: number of its message in the batch, its number in an array or None, its bytes."""

    message: int
    index: int | None
    document: bytes
    error: InvalidError


@dataclass(slots=True)
class Rows:
    """The valid documents of a batch as columns, in the order of the log.

    message: number of the message in the batch; index: of the document in the message's array, -1 without one.
    view, shape: numbers. identity, colons: of the facts. part, whole: the pairs of all rows, one row behind the other;
    first: where each row's begin; size: how many they are.
    """

    message: Ints
    index: Ints
    view: Ints
    shape: Ints
    time: Floats
    interval: Floats
    due: Floats
    identity: Floats
    colons: Floats
    part: Floats
    whole: Floats
    first: Ints
    size: Ints
    facts: list[Facts]
    documents: list[bytes]
    ended: dict[int, str]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.documents)


@dataclass(slots=True)
class _Found:
    """What a batch has led to so far; `packed` holds for each row its header and its pairs."""

    packed: bytearray = field(default_factory=bytearray)
    shapes: list[int] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    ended: dict[int, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


class Collector:
    """Reads batches into Rows."""

    def __init__(self, views: Views, shapes: Shapes, ahead: float) -> None:
        self._views = views
        self._shapes = shapes
        self._ahead = ahead
        self._decode = msgspec.json.Decoder(_Look).decode
        self._pack = msgspec.msgpack.Encoder().encode_into

    def collect(self, batch: Batch) -> tuple[Rows, list[Refusal]]:
        """Return the valid documents as rows, and the others with what is wrong, each in the order of the log."""
        found = _Found()
        self._read(found, batch.values, count(), repeat(-1))
        return self._valid(self._unpacked(found), np.asarray(batch.times), found.refusals)

    def _read(self, found: _Found, documents: Sequence[bytes], messages: Iterable[int], indexes: Iterable[int]) -> None:
        """Decode and pack documents; `messages` and `indexes` say where each stands. The hot loop: each line costs.

        Packed by msgspec's MessagePack, which writes numbers faster than `struct` and always at the same places.
        """
        decode, pack, find_shape, find_view = self._decode, self._pack, self._shapes.find, self._views.find
        packed, add_shape, add_document, add_facts = (
            found.packed, found.shapes.append, found.documents.append, found.facts.append,
        )  # fmt: skip
        for raw, message, index in zip(documents, messages, indexes, strict=False):
            try:
                look = decode(raw)
                resources, performance, faults, timings = look.resources, look.performance, look.faults, look.timings
                key: ShapeKey = (*resources, 0, *performance, 1, *faults, 2, *timings)
                shape = find_shape(key) or self._shapes.add(key)
                view = find_view((look.source, look.view)) or self._views.add(look.source, look.view)
                known = view.looked
                if look.facts != known.content:
                    known = view.looked = facts_of(look.facts)
            except _REFUSED as error:
                self._read_again(found, raw, message, index, error)
                continue
            header = (float(message), float(index), view.place, look.time, look.interval, look.due, known.identity, known.colons)
            pack((*header, *resources.values(), *performance.values(), *faults.values(), *timings.values()), packed, -1)
            if look.ended:
                found.ended[len(found.shapes)] = look.ended
            add_shape(shape.number)
            add_document(raw)
            add_facts(known)

    def _unpacked(self, found: _Found) -> Rows:
        """Take the numbers out of the packed rows, by their places: see `_PAIR`."""
        shape = np.array(found.shapes, np.int64)
        size = self._shapes.sizes[shape]
        first = np.cumsum(size) - size
        marks = np.where(_HEADER + size < 16, 1, 3)
        row_bytes = marks + _HEADER * _NUMBER + size * _PAIR
        start = np.cumsum(row_bytes) - row_bytes + marks
        room = max(0, len(found.packed) - 7)
        at_any_byte = np.ndarray((room,), ">f8", found.packed, 0, (1,))
        header = at_any_byte[start + np.arange(_HEADER)[:, None] * _NUMBER + 1].astype(np.float64)
        pair = np.repeat(start + _HEADER * _NUMBER - first * _PAIR, size) + np.arange(int(size.sum())) * _PAIR
        message, index, view, time, interval, due, identity, colons = header
        return Rows(
            message=message.astype(np.int64),
            index=index.astype(np.int64),
            view=view.astype(np.int64),
            shape=shape,
            time=time,
            interval=interval,
            due=due,
            identity=identity,
            colons=colons,
            part=at_any_byte[pair + 2].astype(np.float64),
            whole=at_any_byte[pair + 2 + _NUMBER].astype(np.float64),
            first=first,
            size=size,
            facts=found.facts,
            documents=found.documents,
            ended=found.ended,
        )

    def _read_again(self, found: _Found, raw: bytes, message: int, index: int, error: Exception) -> None:
        """Read the documents of an array, or refuse a document."""
        try:
            inner = documents(raw) if index < 0 else [raw]
        except InvalidError as wrong:
            found.refusals.append(Refusal(message, None, raw, wrong))
            return
        if inner != [raw]:
            self._read(found, inner, repeat(message), count())
            return
        known = error if isinstance(error, InvalidError) else InvalidError(WHOLE, f"message must be JSON: {error}")
        found.refusals.append(Refusal(message, None if index < 0 else index, raw, _explained(raw, known)))

    def _valid(self, rows: Rows, times: Floats, refusals: list[Refusal]) -> tuple[Rows, list[Refusal]]:
        """Split off the rows that break a rule; the rules are those of `read_sample`, checked on all rows at once."""
        if not len(rows):
            return rows, refusals
        limit = times[rows.message] + self._ahead
        suspect = (rows.time > limit) | self._out_of_bounds(rows) | self._miscounted(rows) | _strangers(rows, self._views)
        if rows.ended:
            suspect[list(rows.ended)] = True
        bad: list[int] = []
        for row in np.flatnonzero(suspect).tolist():
            error = self._wrong(rows, row, float(limit[row]))
            if error is not None:
                bad.append(row)
                index = int(rows.index[row])
                refusals.append(Refusal(int(rows.message[row]), None if index < 0 else index, rows.documents[row], error))
        if bad:
            refusals.sort(key=lambda refusal: (refusal.message, refusal.index or 0))
            rows = _without(rows, bad)
        return rows, refusals

    def _out_of_bounds(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows with a number that is not allowed; written so that NaN, which stands for "not there", passes as a span."""
        flagged = ~((rows.time >= 0) & (rows.time <= bounds.MAX_TIME))
        for span in (rows.interval, rows.due):
            flagged |= (span <= 0) | (span > bounds.MAX_INTERVAL)
        for amounts in (rows.part, rows.whole):
            if len(amounts) and not (amounts.min() >= 0 and amounts.max() <= bounds.MAX_AMOUNT):
                wrong = np.flatnonzero(~((amounts >= 0) & (amounts <= bounds.MAX_AMOUNT)))
                flagged[np.searchsorted(rows.first, wrong, side="right") - 1] = True
        return flagged

    def _miscounted(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows whose JSON has other than the colons that its names and texts need.

        A name that stands twice is seen by its colon; so is a field that we don't know, which is no fault. Text that is
        not ASCII or has escapes is flagged too, since its bytes prove nothing.
        """
        expected = 2 + self._shapes.colons[rows.shape] + self._views.colons[rows.view]
        expected += rows.colons.astype(np.int64)
        expected += ~np.isnan(rows.interval)
        expected += ~np.isnan(rows.due)
        for row in rows.ended:
            expected[row] += 1
        flagged = np.zeros(len(rows), np.bool_)
        for start in range(0, len(rows), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            documents, needed = rows.documents[some], expected[some]
            everything = b"\n".join(documents)
            found = np.count_nonzero(np.frombuffer(everything, np.uint8) == _COLON)
            if found != needed.sum() or b"\\" in everything or not everything.isascii():
                flagged[some] = [
                    raw.count(b":") != colons or b"\\" in raw or not raw.isascii()
                    for raw, colons in zip(documents, needed.tolist(), strict=True)
                ]
        return flagged

    def _wrong(self, rows: Rows, row: int, limit: float) -> InvalidError | None:
        """Judge a suspect row by the rules themselves."""
        try:
            sample = read_sample(rows.documents[row])
        except InvalidError as error:
            return error
        if sample.time > limit:
            ahead = sample.time - limit + self._ahead
            reason = (
                f"time must be at most {self._ahead:g} s ahead of the log's clock, got {ahead:.0f} s ahead: the clock of "
                f"{sample.source} is wrong, or that of the log if this happens to all sources"
            )
            return InvalidError("time", reason)
        host = self._views[int(rows.view[_first_of_message(rows)[row]])].host
        if host_of(sample.source) != host:
            allowed = f'"{host}" as its first segment, as the others of its message have'
            return InvalidError("source", f'source must have {allowed}, got "{sample.source}"')
        return None


def _strangers(rows: Rows, views: Views) -> npt.NDArray[np.bool_]:
    """Flag rows of a message whose host is not that of the message's first row."""
    flagged = np.zeros(len(rows), np.bool_)
    first = _first_of_message(rows)
    for row in np.flatnonzero(rows.view[first] != rows.view).tolist():
        flagged[row] = views[int(rows.view[first[row]])].host != views[int(rows.view[row])].host
    return flagged


def _first_of_message(rows: Rows) -> Ints:
    starts = np.r_[True, rows.message[1:] != rows.message[:-1]]
    first: Ints = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    return first


def _without(rows: Rows, bad: list[int]) -> Rows:
    kept = np.delete(np.arange(len(rows)), bad)
    renumbered = {row: number for number, row in enumerate(kept.tolist())}
    size = rows.size[kept]
    first = np.cumsum(size) - size
    source = np.repeat(rows.first[kept] - first, size) + np.arange(int(size.sum()))
    return Rows(
        message=rows.message[kept],
        index=rows.index[kept],
        view=rows.view[kept],
        shape=rows.shape[kept],
        time=rows.time[kept],
        interval=rows.interval[kept],
        due=rows.due[kept],
        identity=rows.identity[kept],
        colons=rows.colons[kept],
        part=rows.part[source],
        whole=rows.whole[source],
        first=first,
        size=size,
        facts=[rows.facts[row] for row in renumbered],
        documents=[rows.documents[row] for row in renumbered],
        ended={renumbered[row]: why for row, why in rows.ended.items() if row in renumbered},
    )


def _explained(raw: bytes, error: InvalidError) -> InvalidError:
    """Return what the rules say of the document, which is more than the fast path knows."""
    try:
        read_sample(raw)
    except InvalidError as better:
        return better
    return error
