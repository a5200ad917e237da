"""What the bot says: text, a table, a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from virtpulse.catalogue import split_key
from virtpulse.harmless import harmless

MAX_CELL: Final = 48  # characters


@dataclass(frozen=True, slots=True)
class Chart:
    """What a picture shows: a metric's figures, and when an alert fired.

    times: when the windows ended, in seconds since the epoch, rising. figures: one for each, NaN where there was no value.
    size: seconds of a window. written: how a figure is written, with its unit. threshold: None where the alert has none on
    this scale. fired, resolved: when the alert fired and was resolved, None if it was not.
    """

    title: str
    times: Sequence[float]
    figures: Sequence[float]
    size: float
    written: Callable[[float], str]
    threshold: float | None = None
    fired: float | None = None
    resolved: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines of text, and below them a table of lines that are aligned. All of it is harmless."""

    lines: Sequence[str]
    table: Sequence[str] = ()
    chart: Chart | None = None

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n".join((*self.lines, *self.table))


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines; the first column stands left, the others too, with two spaces between. Makes its cells harmless."""
    cells = [titles, *([harmless(cell, MAX_CELL) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells]


def at_most(lines: Sequence[str], count: int) -> list[str]:
    """Return the first `count` lines, the last of them a word about the others if there are more."""
    return list(lines) if len(lines) <= count else [*lines[: count - 1], f"and {len(lines) - count + 1} more"]


def metric_words(key: str) -> str:
    """Return a metric key as a chat shows it: the device behind a space, for after an @ it might be somebody's name."""
    return " ".join(part for part in split_key(key) if part)


def counted(count: int, noun: str) -> str:
    """Return `1 source`, `3 sources`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
