"""Record the live table as a picture.

`(virtpulse up --json --duration 3m; virtpulse alerts list --json) | python docs/record_picture.py docs/up.svg`

Takes aggregates and what fires from standard input, one document a line, and draws the table as it stands after the last one.
"""

# ruff: file-ignore[INP001] - a program, not a package

import html
import io
import re
import sys
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from sinks.aggregates import read_aggregate
from sinks.console.alert_board import AlertBoard
from sinks.console.board import Board
from sinks.console.settings import ConsoleSettings
from sinks.console.table import LiveTable
from virtpulse.topics import ALERT_STATES
from virtpulse.transports.interface import Batch

_WIDTH: Final = 132
_HEIGHT: Final = 34
_THEME: Final = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
        (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196),
    ],
    [
        (110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65),
        (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252),
    ],
)  # fmt: skip
_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_TEXT: Final = re.compile(
    r'(<text class="up-r\d+" )x="([\d.]+)"([^>]*) textLength="([\d.]+)"([^>]*>)((?:&#160;)*)([^<]*?)(?:&#160;)*(?=</text>)'
)
_CELL: Final = 12.2  # width of a character in rich's pictures


class _At:
    """A clock that stands still, a second after the last window."""

    def __init__(self, moment: float) -> None:
        self._moment = moment

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._moment

    def monotonic(self) -> float:
        """Seconds since the recording; everything came at once."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nobody waits for a picture."""


def picture(documents: list[bytes]) -> str:
    """Return the table that shows the aggregates and states of alerts in `documents`, as SVG."""
    settings = ConsoleSettings()
    board, alerts = Board(settings), AlertBoard(settings.alerts)
    newest = 0.0
    for document in documents:
        if b'"fingerprint":' in document:
            key = orjson.loads(document)["fingerprint"]
            alerts.update(Batch(ALERT_STATES, 0, [0], [newest], [key], [document]), now=newest)
            continue
        aggregate = read_aggregate(document)
        newest = max(newest, aggregate.end)
        board.update(aggregate, now=0.0)
    console = Console(
        file=io.StringIO(),
        record=True,
        width=_WIDTH,
        height=_HEIGHT,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )
    console.print(LiveTable(board, alerts, _At(newest + 1)).renderable(), end="")
    drawn = console.export_svg(title="virtpulse up", theme=_THEME, code_format=_FORMAT, unique_id="up")
    return _TEXT.sub(_without_margin, drawn)


def _without_margin(found: re.Match[str]) -> str:
    """Say where a text stands by its place rather than by spaces, which not every program draws."""
    before, place, between, _, after, margin, text = found.groups()
    x = float(place) + margin.count(";") * _CELL
    length = len(html.unescape(text)) * _CELL
    return f'{before}x="{x:g}"{between} textLength="{length:g}"{after}{text}'


def main() -> None:
    """Read standard input, write the file that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    documents = [line for line in sys.stdin.buffer.read().splitlines() if line.strip()]
    Path(sys.argv[1]).write_text(picture(documents), encoding="utf-8")


if __name__ == "__main__":
    main()
