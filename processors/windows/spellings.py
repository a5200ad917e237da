"""Spellings: how senders write a shape, in which order and with which maps. A sender hardly ever changes its spelling.

A spelling is found by one tuple: the keys of the four maps, divided by 0, 1 and 2; an absent map is a single None.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from processors.windows.shapes import Column, Ints, Shapes
from processors.windows.views import NO_FACTS
from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import MAX_METRICS
from virtpulse.messages.reading import check_key
from virtpulse.messages.sample import MAPS, Ended, Pair

SpellingKey = tuple[str | int | None, ...]

_SWEEP_ABOVE: Final = 1_000_000
_MOST_DECODERS: Final = 256
_MOST_METRICS: Final = 500  # of a sample that gets a decoder of its own


class Spelling:
    """An order of metrics, and which maps were there.

    shape: its number. order: where each metric of the shape stands in the spelling. colons: those of the JSON of the maps
    and their keys, if no name stands twice. decode: a decoder for just this spelling, once there is one.
    has_no_empty_map: else a decoder could not tell whether a map is there, and the colons would prove nothing.
    """

    __slots__ = ("colons", "columns", "decode", "has_no_empty_map", "number", "order", "shape")

    def __init__(self, number: int, columns: list[Column], maps: int, shape: int) -> None:
        self.number = number
        self.columns = columns
        self.shape = shape
        self.order: Ints = np.array(sorted(range(len(columns)), key=columns.__getitem__), np.int64)
        self.colons = maps + len(columns) + sum(key.count(":") for _, key in columns)
        self.has_no_empty_map = maps == len({family for family, _ in columns})
        self.decode: Callable[[bytes], Any] | None = None


class Spellings:
    """All spellings that were seen lately, by their tuple and by number. Numbers hold until `sweep`."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._by_key: dict[SpellingKey, Spelling] = {}
        self._sweep_above = _SWEEP_ABOVE
        self._held = 0
        self._decoders = 0
        self.by_number: list[Spelling] = []
        self.find = self._by_key.get

    def add(self, key: SpellingKey) -> Spelling:
        """Check and register the spelling of `key`. Raises InvalidError for a wrong metric key or too many."""
        columns = _columns(key)
        if len(columns) > MAX_METRICS:
            raise InvalidError(MAPS[0], f"a sample must have at most {MAX_METRICS} metrics, got {len(columns)}")
        for family, name in columns:
            check_key(MAPS[family], name)
        shape = self._shapes.of(columns)
        spelling = Spelling(len(self.by_number), columns, len(MAPS) - key.count(None), shape.number)
        self.by_number.append(spelling)
        self._by_key[key] = spelling
        self._held += len(columns)
        return spelling

    def decoder(self, spelling: Spelling) -> Callable[[bytes], Any] | None:
        """Return a decoder that takes samples with just these metrics, much faster than one that takes any; None without.

        The maps of what it returns are structs, their fields in the order of the spelling.
        It raises msgspec.ValidationError for other samples.
        """
        worth_it = spelling.has_no_empty_map and len(spelling.columns) <= _MOST_METRICS
        if spelling.decode is None and worth_it and self._decoders < _MOST_DECODERS:
            self._decoders += 1
            spelling.decode = _decoder_of(spelling.columns)
        return spelling.decode

    def sweep(self, shapes_in_use: Callable[[], Iterable[int]]) -> None:
        """Forget once there is much to hold: keys come from outside and may never come again."""
        if self._held + self._shapes.held <= self._sweep_above:
            return
        self._shapes.keep(set(shapes_in_use()))
        self._by_key.clear()
        self.by_number.clear()
        self._held = self._decoders = 0
        self._sweep_above = max(_SWEEP_ABOVE, 4 * self._shapes.held)


def _columns(key: SpellingKey) -> list[Column]:
    columns: list[Column] = []
    family = 0
    for part in key:
        if isinstance(part, str):
            columns.append((family, part))
        elif part is not None:
            family += 1
    return columns


class _NoPairs(msgspec.Struct, gc=False, forbid_unknown_fields=True, frozen=True):
    """A map without metrics."""


def _decoder_of(columns: list[Column]) -> Callable[[bytes], Any] | None:
    """Return a decoder whose maps are structs with a field for each key: no dictionary is built, no key is hashed."""
    maps: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for family, name in enumerate(MAPS):
        keys = [key for one, key in columns if one == family]
        if not keys:
            maps.append((name, _NoPairs, _NoPairs()))
            continue
        fields = [f"metric_{place}" for place in range(len(keys))]
        try:
            pairs = msgspec.defstruct(
                name, [(field, Pair) for field in fields], rename=dict(zip(fields, keys, strict=True)),
                forbid_unknown_fields=True, gc=False,
            )  # fmt: skip
        except ValueError:  # a key that JSON has to escape
            return None
        maps.append((name, pairs))
    fields_of_all: list[tuple[str, Any, Any] | tuple[str, Any]] = [
        ("source", str),
        ("time", float),
        ("view", str | UnsetType, UNSET),
        ("interval", float, math.nan),
        ("due", float, math.nan),
        ("ended", Ended | UnsetType, UNSET),
        *maps,
        ("facts", msgspec.Raw, NO_FACTS.raw),
    ]
    sample = msgspec.defstruct("Alike", fields_of_all, forbid_unknown_fields=True, gc=False, kw_only=True)
    return msgspec.json.Decoder(sample).decode
