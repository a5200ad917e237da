"""Durations and sizes as people write them: `250ms`, `10s`, `2h`, `7d`; `512B`, `64MiB`, `1GB`."""

import math
import re
from decimal import Decimal
from typing import Final

_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_BYTES: Final = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


class Duration(float):
    """A time span in seconds, never negative."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read `90s`, `1m30s`, `2h`. Raises ValueError with what is allowed."""
        return cls(_sum(text, _SECONDS, 'a duration such as "10s", "1m30s" or "250ms"'))

    def text(self) -> str:
        """Return it as people write it, in the largest unit that needs no fraction; `parse` reads the same again."""
        for unit, seconds in sorted(_SECONDS.items(), key=lambda item: -item[1]):
            count = round(self / seconds)
            if count and count * seconds == self:
                return f"{count}{unit}"
        return f"{Decimal(repr(float(self))):f}s" if self else "0s"


class Size(int):
    """A number of bytes."""

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read `64MiB`, `1GB`. Raises ValueError with what is allowed."""
        return cls(round(_sum(text, _BYTES, 'a size such as "64MiB" or "1GB"')))

    def text(self) -> str:
        """Return it as people write it, in the largest unit that needs no fraction; `parse` reads the same again."""
        for unit, size in sorted(_BYTES.items(), key=lambda item: -item[1]):
            if self and self % size == 0:
                return f"{self // size}{unit}"
        return f"{int(self)}B"


def _sum(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    stripped = text.strip()
    parts = list(_NUMBER.finditer(stripped))
    covered = "".join(part.group() for part in parts).replace(" ", "")
    if not parts or covered != stripped.replace(" ", "") or any(part[2] not in units for part in parts):
        msg = f'must be {wanted}, got "{text[:40]}"'
        raise ValueError(msg)
    total = sum(float(part[1]) * units[part[2]] for part in parts)
    if not math.isfinite(total):
        msg = f'must be {wanted}, got "{text[:40]}", which is too much'
        raise ValueError(msg)
    return total
