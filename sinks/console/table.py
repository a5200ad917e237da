"""The live table as something that rich can draw."""

import time
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from sinks.console.alert_board import AlertBoard
from sinks.console.alert_rows import alert_rows
from sinks.console.board import Board, View
from sinks.console.columns import Columns, share
from sinks.console.fitting import fit
from sinks.console.glyphs import bar, scale, sparkline
from sinks.row import Measure, Row, extent, figure
from sinks.severity import Family, Level, level
from virtpulse.clock import Clock
from virtpulse.printable import printable
from virtpulse.wording import duration

_STYLES: Final = {Level.NORMAL: "green", Level.WARNING: "yellow", Level.CRITICAL: "bold red"}
_PLAIN: Final = "cyan"  # figures that have no good or bad
_DIM: Final = "bright_black"
_FAMILIES: Final = {Family.RESOURCE: "blue", Family.PERFORMANCE: "cyan", Family.FAULT: "magenta", Family.TIMING: "white"}
_LEGEND: Final = (
    (Family.RESOURCE, "in use"), (Family.PERFORMANCE, "performing"), (Family.FAULT, "failing"), (Family.TIMING, "time"),
)  # fmt: skip
_GAP: Final = "  "
_SPARE_LINES: Final = 3  # header, titles, footer
_LOG_SHARE: Final = 6  # the log gets at most this part of the height
_ALERT_SHARE: Final = 4  # and the alerts this one


class LiveTable:
    """Draws the board, alerts above and the latest log lines below it, in exactly the width and height it is given."""

    def __init__(self, board: Board, alerts: AlertBoard, clock: Clock) -> None:
        self._board = board
        self._alerts = alerts
        self._clock = clock

    def renderable(self, log: Sequence[str] = ()) -> "Frame":
        """Return a picture of the board as it is when drawn; `log` are lines that stand below the table."""
        return Frame(self._board, self._alerts, self._clock, log)


class Frame:
    """What rich draws: the header, the alerts, the titles, as many rows as fit, the footer."""

    def __init__(self, board: Board, alerts: AlertBoard, clock: Clock, log: Sequence[str]) -> None:
        self._board = board
        self._alerts = alerts
        self._clock = clock
        self._log = log

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        log = self._log[-(height // _LOG_SHARE) :] if height >= _LOG_SHARE else []
        alerts = self._told(width, height // _ALERT_SHARE)
        space = max(0, height - _SPARE_LINES - len(log) - len(alerts))
        view = self._board.view(space, self._clock.monotonic())
        lines = [header(view, self._clock.time()), *alerts, *self._body(view, width, space)]
        lines += [Text()] * (_SPARE_LINES - 1 + len(alerts) + space - len(lines))
        lines += [footer(view, width)]
        lines += [Text(printable(Text.from_ansi(line).plain), style=_DIM) for line in log]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        yield Group(*lines[:height])

    def _told(self, width: int, room: int) -> list[Text]:
        now = self._clock.time()
        view = self._alerts.view(room, now)
        if view.more and len(view.shown) == room:
            view = self._alerts.view(room - 1, now)  # the last line says how many more there are
        return alert_rows(view, width, now) if room else []

    @staticmethod
    def _body(view: View, width: int, space: int) -> list[Text]:
        if not view.rows:
            return [Text(), Text("Waiting for the first window to close ...", style=_DIM)][:space]
        sources = max(cell_len(_source(row)) for row, _ in view.rows)
        keys = max(cell_len(printable(row.name.key)) for row, _ in view.rows)
        columns = share(width, max(sources, len("source")), max(keys, len("metric")))
        return [titles(columns), *(line(row, columns, quiet=quiet) for row, quiet in view.rows)]


def header(view: View, now: float) -> Text:
    """Return the first line: what is watched, how much came, how old the newest window is, how many rows are bad."""
    text = Text("virtpulse", style="bold")
    sources = view.sources
    text.append(f"  {printable(sources[0]) if len(sources) == 1 else f'{len(sources)} sources'}", style="bold cyan")
    for label, style in (
        (_rows(view.critical, "red") if view.critical else "", "bold red"),
        (_rows(view.warning, "yellow") if view.warning else "", "yellow"),
        (f"{view.samples:,} samples", ""),
        (f"{view.late:,} late", "yellow" if view.late else ""),
    ):
        if label:
            text.append("  ").append(label, style=style or _DIM)
    if view.start is not None and view.end is not None:
        begin, end = _time_of_day(view.start), _time_of_day(view.end)
        age = duration(float(max(0, round(now - view.end))))
        text.append(f"  window {begin}–{end}, {age} ago", style=_DIM)  # noqa: RUF001 - a range
    return text


def _rows(number: int, colour: str) -> str:
    return f"{number} {colour} {'row' if number == 1 else 'rows'}"


def footer(view: View, width: int) -> Text:
    """Return the last line of the table: what is not shown, and what the letters mean."""
    hidden = view.total - len(view.rows)
    text = Text()
    if hidden:
        text.append(f"{hidden:,} more rows", style="bold")
    if view.dropped:
        text.append(f"{'  ' if hidden else ''}{view.dropped:,} forgotten: too many", style="yellow")
    legend = Text()
    for family, meaning in _LEGEND:
        legend.append(f"{_GAP if legend else ''}{family.value}", style=_FAMILIES[family]).append(f" {meaning}", style=_DIM)
    room = width - text.cell_len - legend.cell_len
    return text.append(" " * room).append_text(legend) if room >= (len(_GAP) if text else 0) else text


def titles(columns: Columns) -> Text:
    """Return the line above the rows."""
    history = f"last {columns.spark} windows"
    if len(history) > columns.spark:
        history = f"last {columns.spark}"
    words = ("source", "metric", "", "", "now", "min–max", history)  # noqa: RUF001 - a range
    shown = zip(words, columns, "<<<<>>>", strict=True)
    return Text(_GAP.join(f"{word:{side}{width}.{width}}" for word, width, side in shown if width), style=f"{_DIM} underline")


def line(row: Row, columns: Columns, *, quiet: bool) -> Text:
    """Return a row; `quiet` says that its source has not been heard of for a while."""
    shade = _shade(row)
    family = row.name.family
    name, at, device = printable(row.name.key).partition("@")
    key = fit(Text(name).append(at + device, style="bold"), columns.key)
    cells = [
        fit(Text(_source(row), style=_DIM), columns.source),
        key,
        fit(Text(family.value, style=_FAMILIES[family]), columns.family),
        _bar(row, columns.bar, shade),
        Text(f"{figure(row):>{columns.figure}.{columns.figure}}", style=shade),
        Text(f"{extent(row):>{columns.extent}.{columns.extent}}", style=_DIM),
        Text(_history(row, columns.spark).rjust(columns.spark), style=shade),
    ]
    shown = [cell for cell, width in zip(cells, columns, strict=True) if width]
    joined = Text(_GAP).join(shown)
    return Text(joined.plain, style=_DIM) if quiet else joined


def _shade(row: Row) -> str:
    if not row.figure and not row.bad:
        return _DIM
    return _STYLES[level(row.bad)] if row.measure is Measure.PERCENT else _PLAIN


def _bar(row: Row, width: int, shade: str) -> Text:
    if row.measure is not Measure.PERCENT or row.figure is None:
        return Text(" " * width)
    filled, rest = bar(row.figure, width)
    return Text(filled, style=shade).append(rest, style=_DIM)


def _history(row: Row, width: int) -> str:
    low, high = scale(row.name.family, row.history, percent=row.measure is Measure.PERCENT)
    return sparkline(row.history[-width:], low, high) if width else ""


def _source(row: Row) -> str:
    return printable(row.name.source + (f" [{row.name.view}]" if row.name.view else ""))


def _time_of_day(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
