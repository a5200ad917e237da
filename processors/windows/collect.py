"""From messages to rows of numbers.

Each document is decoded, packed and dropped at once: kept, they would cost more than all the arithmetic that follows.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from processors.windows.check import Checker
from processors.windows.rows import Refusal, Rows
from processors.windows.shapes import Ints, Shapes
from processors.windows.spellings import Spelling, SpellingKey, Spellings
from processors.windows.views import NO_FACTS, Facts, Views, facts_of
from virtpulse.errors import InvalidError
from virtpulse.messages.reading import WHOLE, documents, read_sample
from virtpulse.messages.sample import Ended, Pairs
from virtpulse.transports.interface import Batch

# A packed row is a MessagePack array (its mark is 1 byte long up to 15 members, then 3) of _HEADER numbers and its pairs.
# A number is a mark and 8 bytes, big-endian; a pair is the mark of an array of 2 and two numbers.
_HEADER: Final = 8
_NUMBER: Final = 9
_PAIR: Final = 1 + 2 * _NUMBER
_ENOUGH: Final = 20_000  # documents out of arrays that end a step
_ALIKE: Final = 16  # documents of one spelling in a row that make it worth to expect another one

_Place = tuple[bytes, int, int]  # a document, the number of its message, its number in the message's array or -1


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
    view: str | UnsetType = UNSET
    interval: float = math.nan
    due: float = math.nan
    ended: Ended | UnsetType = UNSET
    resources: Pairs = _ABSENT
    performance: Pairs = _ABSENT
    faults: Pairs = _ABSENT
    timings: Pairs = _ABSENT
    facts: msgspec.Raw = NO_FACTS.raw


@dataclass(slots=True)
class _Found:
    """What `taken` messages have led to so far.

    packed: for each row its header and its pairs. expanded: documents that came out of arrays.
    """

    taken: int
    expanded: int = 0
    packed: bytearray = field(default_factory=bytearray)
    spellings: list[int] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    ended: dict[int, Ended] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


class Collector:
    """Reads batches into Rows."""

    def __init__(self, views: Views, shapes: Shapes, ahead: float) -> None:
        self._views = views
        self._shapes = shapes
        self._spellings = Spellings(shapes)
        self._checker = Checker(views, ahead)
        self._decode = msgspec.json.Decoder(_Look).decode
        self._pack = msgspec.msgpack.Encoder().encode_into  # writes numbers faster than struct, always at the same places

    def collect(self, batch: Batch, shapes_in_use: Callable[[], Iterable[int]]) -> tuple[Rows, list[Refusal], int]:
        """Return the valid documents as rows, in the order of the log, and the others with what is wrong, in any.

        Last, of how many messages: all, or as many as hold enough documents for one step.
        """
        self._spellings.sweep(shapes_in_use)
        found = _Found(taken=len(batch))
        self._read(found, zip(batch.values, count(), repeat(-1), strict=False))
        rows, refusals = self._checker.check(self._unpacked(found), np.asarray(batch.times), found.refusals)
        return rows, refusals, found.taken

    def _read(self, found: _Found, places: Iterator[_Place]) -> None:
        """Decode and pack documents; after a run of one spelling by a decoder for just that one, until another comes."""
        last, run = None, 0
        place = next(places, None)
        while place is not None:
            spelling = self._read_any(found, place)
            if found.expanded >= _ENOUGH and place[2] < 0:
                found.taken = place[1] + 1
                return
            run = run + 1 if spelling is last else 0
            last = spelling
            decode = self._spellings.decoder(spelling) if run >= _ALIKE and spelling is not None else None
            if decode is None or spelling is None:
                place = next(places, None)
            else:
                place = self._read_alike(found, places, decode, spelling)
                run = _ALIKE - 2

    def _read_any(self, found: _Found, place: _Place) -> Spelling | None:
        """Decode and pack one document, or refuse it."""
        raw, message, index = place
        try:
            look = self._decode(raw)
            resources, performance, faults, timings = look.resources, look.performance, look.faults, look.timings
            key: SpellingKey = (*resources, 0, *performance, 1, *faults, 2, *timings)
            spelling = self._spellings.find(key) or self._spellings.add(key)
            view = self._views.find((look.source, look.view)) or self._views.add(look.source, look.view)
            known = view.looked
            if look.facts != known.raw:
                known = view.looked = facts_of(look.facts)
        except _REFUSED as error:
            self._read_again(found, place, error)
            return None
        header = (float(message), float(index), view.place, look.time, look.interval, look.due, known.identity, known.colons)
        pairs = (*resources.values(), *performance.values(), *faults.values(), *timings.values())
        self._pack((*header, *pairs), found.packed, -1)
        if look.ended:
            found.ended[len(found.documents)] = look.ended
        found.spellings.append(spelling.number)
        found.documents.append(raw)
        found.facts.append(known)
        return spelling

    def _read_alike(
        self, found: _Found, places: Iterator[_Place], decode: Callable[[bytes], Any], spelling: Spelling
    ) -> _Place | None:
        """Decode and pack documents of one spelling; return the first other one. The hot loop: each line costs."""
        pack, packed, find_view, number = self._pack, found.packed, self._views.find, spelling.number
        add_spelling, add_document, add_facts = found.spellings.append, found.documents.append, found.facts.append
        for place in places:
            raw, message, index = place
            try:
                look = decode(raw)
                view = find_view((look.source, look.view)) or self._views.add(look.source, look.view)
                known = view.looked
                if look.facts != known.raw:
                    known = view.looked = facts_of(look.facts)
            except _REFUSED:
                return place
            pack((
                float(message), float(index), view.place, look.time, look.interval, look.due, known.identity, known.colons,
                *astuple(look.resources), *astuple(look.performance), *astuple(look.faults), *astuple(look.timings),
            ), packed, -1)  # fmt: skip
            if look.ended:
                found.ended[len(found.documents)] = look.ended
            add_spelling(number)
            add_document(raw)
            add_facts(known)
        return None

    def _unpacked(self, found: _Found) -> Rows:
        """Take the numbers out of the packed rows, by their places: see `_PAIR`."""
        used, which = np.unique(np.array(found.spellings, np.int64), return_inverse=True)
        spellings = [self._spellings.by_number[number] for number in used.tolist()]
        shape = np.array([spelling.shape for spelling in spellings], np.int64)[which]
        size = self._shapes.sizes[shape]
        first = np.cumsum(size) - size
        marks = np.where(_HEADER + size < 16, 1, 3)
        row_bytes = marks + _HEADER * _NUMBER + size * _PAIR
        start = np.cumsum(row_bytes) - row_bytes + marks
        at_any_byte = np.ndarray((max(0, len(found.packed) - 7),), ">f8", found.packed, 0, (1,))
        header = at_any_byte[start + np.arange(_HEADER)[:, None] * _NUMBER + 1].astype(np.float64)
        pair = np.repeat(start + _HEADER * _NUMBER, size) + _orders(spellings, which) * _PAIR
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
            colons=colons + np.array([spelling.colons for spelling in spellings], np.int64)[which],
            part=at_any_byte[pair + 2].astype(np.float64),
            whole=at_any_byte[pair + 2 + _NUMBER].astype(np.float64),
            first=first,
            size=size,
            facts=found.facts,
            documents=found.documents,
            ended=found.ended,
        )

    def _read_again(self, found: _Found, place: _Place, error: Exception) -> None:
        """Read the documents of an array, or refuse a document."""
        raw, message, index = place
        try:
            inner = documents(raw) if index < 0 else [raw]
        except InvalidError as wrong:
            found.refusals.append(Refusal(message, index, raw, wrong.bare()))
            return
        if inner != [raw]:
            found.expanded += len(inner)
            self._read(found, zip(inner, repeat(message), count(), strict=False))
            return
        known = error if isinstance(error, InvalidError) else InvalidError(WHOLE, f"message must be JSON: {error}")
        found.refusals.append(Refusal(message, index, raw, _explained(raw, known)))


def _orders(spellings: list[Spelling], which: Ints) -> Ints:
    """Return for each metric of each row where in that row it stands."""
    if len(spellings) == 1:
        return np.tile(spellings[0].order, len(which))
    orders = [spelling.order for spelling in spellings]
    return np.concatenate([orders[one] for one in which.tolist()]) if orders else np.zeros(0, np.int64)


def _explained(raw: bytes, error: InvalidError) -> InvalidError:
    """Return what the rules say of the document, which is more than the fast path knows."""
    try:
        read_sample(raw)
    except InvalidError as better:
        return better.bare()
    return error.bare()
