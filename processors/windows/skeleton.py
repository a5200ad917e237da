"""The JSON of an aggregate's maps without the numbers: the same for all windows with the same metrics, so made once."""

from collections.abc import Sequence
from typing import Final

import orjson

from virtpulse.messages.aggregate import Ratio, Timing
from virtpulse.messages.sample import MAPS

FIGURES: Final = len(Ratio.__struct_fields__)  # of each metric; a timing has as many

_FIELDS: Final = {name: Timing.__struct_fields__ if name == "timings" else Ratio.__struct_fields__ for name in MAPS}


class Skeleton:
    """The four maps with a gap for each figure, in the order of the fields of `Ratio` and `Timing`.

    keys: those of each map.
    """

    __slots__ = ("_parts",)

    def __init__(self, keys: Sequence[Sequence[str]]) -> None:
        texts: list[bytes] = []
        text = b""
        for name, metrics in zip(MAPS, keys, strict=True):
            text += b'"%b":{' % name.encode()
            for key in metrics:
                text += orjson.dumps(key) + b":{"
                for field in _FIELDS[name]:
                    texts.append(text + b'"%b":' % field.encode())
                    text = b","
                text = b"},"
            text = text.removesuffix(b",") + b"},"
        self._parts = [part for gap in texts for part in (gap, b"")] + [text.removesuffix(b",")]

    def filled(self, figures: Sequence[bytes]) -> bytes:
        """Return the maps as members of a JSON object, without its braces; `figures` are numbers as JSON, or null."""
        parts = self._parts.copy()
        parts[1::2] = figures
        return b"".join(parts)
