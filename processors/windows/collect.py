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

from processors.windows.check import Checker
from processors.windows.rows import Refusal, Rows
from processors.windows.shapes import ShapeKey, Shapes
from processors.windows.views import Facts, Views, facts_of
from virtpulse.errors import InvalidError
from virtpulse.messages.reading import WHOLE, documents, read_sample
from virtpulse.messages.sample import Fact, Pairs
from virtpulse.transports.interface import Batch

# A packed row is a MessagePack array (its mark is 1 byte long up to 15 members, then 3) of _HEADER numbers and its pairs.
# A number is a mark and 8 bytes, big-endian; a pair is the mark of an array of 2 and two numbers.
_HEADER: Final = 8
_NUMBER: Final = 9
_PAIR: Final = 1 + 2 * _NUMBER


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
        self._checker = Checker(views, shapes, ahead)
        self._decode = msgspec.json.Decoder(_Look).decode
        self._pack = msgspec.msgpack.Encoder().encode_into

    def collect(self, batch: Batch) -> tuple[Rows, list[Refusal]]:
        """Return the valid documents as rows, and the others with what is wrong, each in the order of the log."""
        found = _Found()
        self._read(found, batch.values, count(), repeat(-1))
        return self._checker.check(self._unpacked(found), np.asarray(batch.times), found.refusals)

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


def _explained(raw: bytes, error: InvalidError) -> InvalidError:
    """Return what the rules say of the document, which is more than the fast path knows."""
    try:
        read_sample(raw)
    except InvalidError as better:
        return better
    return error
