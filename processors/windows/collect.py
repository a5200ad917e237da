"""From messages to rows of numbers.

Each document is decoded, packed and dropped at once: kept, they would cost more than all the arithmetic that follows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from processors.windows.shapes import HEADER, Ints, ShapeKey, Shapes
from processors.windows.views import NO_FACTS, Facts, Views, facts_of
from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.reading import WHOLE, documents, read_sample
from virtpulse.messages.sample import Fact, Pairs, host_of
from virtpulse.transports.interface import Batch

Floats = npt.NDArray[np.float64]

_COLON: Final = ord(":")
_ABSENT: Final[Any] = MappingProxyType({None: ()})  # a map that is not there: one None among the keys, no numbers
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Look(msgspec.Struct, gc=False):
    """A sample as it is read here: what is not there is a value that JSON can't say."""

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

    message: number of the message in the batch. view, shape: numbers. offset: where the packed row starts in `packed`,
    which holds its HEADER and then its pairs.
    """

    packed: Floats
    offset: Ints
    shape: Ints
    message: Ints
    view: Ints
    time: Floats
    interval: Floats
    due: Floats
    facts: list[Facts]
    documents: list[bytes]
    ended: dict[int, str]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.offset)


@dataclass(slots=True)
class _Found:
    """What is known of each document beside its packed row, while a batch is read."""

    shapes: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    ended: dict[int, str] = field(default_factory=dict)


class Collector:
    """Reads batches into Rows."""

    def __init__(self, views: Views, shapes: Shapes, ahead: float) -> None:
        self._views = views
        self._shapes = shapes
        self._ahead = ahead
        self._decode = msgspec.json.Decoder(_Look).decode
        self._buffer = bytearray(1 << 16)

    def collect(self, batch: Batch) -> tuple[Rows, list[Refusal]]:
        """Return the valid documents as rows, and the others with what is wrong, each in the order of the log."""
        refusals: list[Refusal] = []
        found = _Found()
        find_shape, find_view, flat = self._shapes.find, self._views.find, chain.from_iterable
        buffer, used = self._buffer, 0
        for message, index, raw, look in self._looks(batch.values, refusals):
            try:
                resources, performance = look.resources, look.performance
                faults, timings = look.faults, look.timings
                key: ShapeKey = (*resources, 0, *performance, 1, *faults, 2, *timings)
                shape = find_shape(key) or self._shapes.add(key)
                view = find_view((look.source, look.view)) or self._views.add(look.source, look.view)
                if look.facts is None:
                    known = NO_FACTS
                else:
                    known = view.looked
                    if look.facts != known.content or known is NO_FACTS:
                        known = view.looked = facts_of(look.facts)
                if used + 8 * shape.stride > len(buffer):
                    buffer.extend(bytes(max(len(buffer), 8 * shape.stride)))
                shape.pack_into(
                    buffer, used, view.number, look.time, look.interval, look.due, known.identity, known.colons,
                    *flat(resources.values()), *flat(performance.values()), *flat(faults.values()), *flat(timings.values()),
                )  # fmt: skip
            except InvalidError as error:
                refusals.append(Refusal(message, index if index >= 0 else None, raw, _explained(raw, error)))
                continue
            if look.ended:
                found.ended[len(found.shapes)] = look.ended
            used += 8 * shape.stride
            found.shapes.append(shape.number)
            found.messages.append(message)
            found.indexes.append(index)
            found.documents.append(raw)
            found.facts.append(known)
        rows = self._rows(np.frombuffer(buffer, np.float64, used // 8).copy(), found)
        return self._valid(rows, found.indexes, np.asarray(batch.times), refusals)

    def _looks(self, values: Sequence[bytes], refusals: list[Refusal]) -> Iterator[tuple[int, int, bytes, _Look]]:
        """Yield (message, index in an array or -1, bytes, look) of every document that can be decoded."""
        decode, most = self._decode, bounds.MAX_MESSAGE_BYTES
        for message, value in enumerate(values):
            if len(value) <= most:
                try:
                    yield message, -1, value, decode(value)
                    continue
                except _BROKEN:
                    pass
            yield from self._array(message, value, refusals)

    def _array(self, message: int, value: bytes, refusals: list[Refusal]) -> Iterator[tuple[int, int, bytes, _Look]]:
        try:
            raws = documents(value)
        except InvalidError as error:
            refusals.append(Refusal(message, None, value, error))
            return
        is_array = raws[:1] != [value]
        for index, raw in enumerate(raws):
            try:
                look = self._decode(raw)
            except _BROKEN as error:
                wrong = _explained(raw, InvalidError(WHOLE, f"message must be JSON: {error}"))
                refusals.append(Refusal(message, index if is_array else None, raw, wrong))
            else:
                yield message, index, raw, look

    def _rows(self, packed: Floats, found: _Found) -> Rows:
        shape = np.array(found.shapes, np.int64)
        strides = self._shapes.strides[shape]
        offset = np.cumsum(strides) - strides
        return Rows(
            packed=packed,
            offset=offset,
            shape=shape,
            message=np.array(found.messages, np.int64),
            view=packed[offset].astype(np.int64),
            time=packed[offset + 1],
            interval=packed[offset + 2],
            due=packed[offset + 3],
            facts=found.facts,
            documents=found.documents,
            ended=found.ended,
        )

    def _valid(self, rows: Rows, indexes: list[int], times: Floats, refusals: list[Refusal]) -> tuple[Rows, list[Refusal]]:
        """Split off the rows that break a rule; the rules are those of `read_sample`, checked on all rows at once."""
        if not len(rows):
            return rows, refusals
        limit = times[rows.message] + self._ahead
        early = rows.time > limit
        suspect = early | self._out_of_bounds(rows) | self._miscounted(rows) | _strangers(rows, self._views)
        if rows.ended:
            suspect[list(rows.ended)] = True
        bad: set[int] = set()
        for row in np.flatnonzero(suspect).tolist():
            error = self._wrong(rows, row, float(limit[row]))
            if error is not None:
                bad.add(row)
                index = indexes[row] if indexes[row] >= 0 else None
                refusals.append(Refusal(int(rows.message[row]), index, rows.documents[row], error))
        if bad:
            refusals.sort(key=lambda refusal: (refusal.message, refusal.index or 0))
            rows = _without(rows, bad)
        return rows, refusals

    def _out_of_bounds(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows with a number that is not allowed; written so that NaN, which stands for "not there", passes as a span."""
        amounts = rows.packed.copy()
        for column in range(HEADER):
            amounts[rows.offset + column] = 0.0
        wrong = ~((amounts >= 0) & (amounts <= bounds.MAX_AMOUNT))
        flagged: npt.NDArray[np.bool_] = np.logical_or.reduceat(wrong, rows.offset)
        flagged |= ~((rows.time >= 0) & (rows.time <= bounds.MAX_TIME))
        for span in (rows.interval, rows.due):
            flagged |= (span <= 0) | (span > bounds.MAX_INTERVAL)
        return flagged

    def _miscounted(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows whose JSON has other than the colons that its names and texts need.

        A name that stands twice is seen by its colon; so is a field that we don't know, which is no fault. Text that is
        not ASCII or has escapes is flagged too, since its bytes prove nothing.
        """
        expected = 2 + self._shapes.colons[rows.shape] + self._views.colons[rows.view]
        expected = expected + rows.packed[rows.offset + 5].astype(np.int64)
        expected += ~np.isnan(rows.interval)
        expected += ~np.isnan(rows.due)
        for row in rows.ended:
            expected[row] += 1
        everything = b"\n".join(rows.documents)
        found = np.count_nonzero(np.frombuffer(everything, np.uint8) == _COLON)
        if found == expected.sum() and everything.isascii() and b"\\" not in everything:
            return np.zeros(len(rows), np.bool_)
        return np.fromiter(
            (
                raw.count(b":") != count or b"\\" in raw or not raw.isascii()
                for raw, count in zip(rows.documents, expected.tolist(), strict=True)
            ),
            np.bool_,
            len(rows),
        )

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


def _without(rows: Rows, bad: set[int]) -> Rows:
    kept = np.array([row for row in range(len(rows)) if row not in bad], np.int64)
    renumbered = {int(row): number for number, row in enumerate(kept.tolist())}
    return Rows(
        packed=rows.packed,
        offset=rows.offset[kept],
        shape=rows.shape[kept],
        message=rows.message[kept],
        view=rows.view[kept],
        time=rows.time[kept],
        interval=rows.interval[kept],
        due=rows.due[kept],
        facts=[rows.facts[row] for row in kept.tolist()],
        documents=[rows.documents[row] for row in kept.tolist()],
        ended={renumbered[row]: why for row, why in rows.ended.items() if row in renumbered},
    )


def _explained(raw: bytes, error: InvalidError) -> InvalidError:
    """Return what the rules say of the document, which is more than the fast path knows."""
    try:
        read_sample(raw)
    except InvalidError as better:
        return better
    return error
