"""Alerts as lines above the live table."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from sinks.console.alert_board import RESOLVED, AlertsView, kind
from sinks.console.fitting import fit
from virtpulse.messages.alert import Alert, source_of
from virtpulse.messages.moments import from_rfc3339
from virtpulse.printable import printable
from virtpulse.wording import lasting

_STYLES: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan", "other": "white", RESOLVED: "green"}
_SYMBOLS: Final = {"critical": "✖", "warning": "▲", "info": "●", "other": "○", RESOLVED: "✔"}
_DIM: Final = "bright_black"
_GAP: Final = "  "
_LONGEST: Final = 500  # characters of a text from outside that are looked at; no terminal is wider
_NAME_SHARE: Final = 4  # name, and place, get at most this part of the width
_LEAST_NAME: Final = 12
_WIDE: Final = 100  # from this width on the place has a column of its own even where the summary names it


class _Words(NamedTuple):
    """What a line says of an alert. place: its source, and the device."""

    severity: str
    name: str
    source: str
    place: str
    span: str
    summary: str


class _Widths(NamedTuple):
    """Widths of columns in cells; a place of width 0 is not shown."""

    severity: int
    name: int
    place: int
    span: int


def alert_rows(view: AlertsView, width: int, now: float) -> list[Text]:
    """Return a line for each alert of `view`, and one that says how many more there are; none where there is none."""
    told = [_words(alert, now) for alert in view.shown]
    placed = width >= _WIDE or not all(words.source in words.summary for words in told)
    most = max(_LEAST_NAME, width // _NAME_SHARE)
    widths = _Widths(
        severity=min(most, _longest(words.severity for words in told)),
        name=min(most, _longest(words.name for words in told)),
        place=min(most, _longest(words.place for words in told)) if placed else 0,
        span=_longest(words.span for words in told),
    )
    lines = [_line(words, _STYLES[kind(alert)], widths) for alert, words in zip(view.shown, told, strict=True)]
    return [*lines, _more(view)] if view.more else lines


def _line(words: _Words, style: str, widths: _Widths) -> Text:
    cells = [fit(Text(words.severity, style=style), widths.severity), fit(Text(words.name, style=style), widths.name)]
    if widths.place:
        cells.append(fit(Text(words.place), widths.place))
    cells.append(Text(f"{words.span:>{widths.span}}", style=_DIM))
    cells.append(Text(words.summary.removeprefix(f"{words.source} ") if widths.place else words.summary))
    return Text(_GAP).join(cells)


def _more(view: AlertsView) -> Text:
    told = Text(f"… and {sum(view.more.values()):,} more: ", style=_DIM)
    counts = [Text(f"{count:,} {word}", style=_STYLES[word]) for word, count in view.more.items()]
    return told.append_text(Text(", ", style=_DIM).join(counts))


def _words(alert: Alert, now: float) -> _Words:
    labels = alert.labels
    word = RESOLVED if alert.status == RESOLVED else labels.get("severity") or "none"
    source = source_of(labels)
    return _Words(
        severity=f"{_SYMBOLS[kind(alert)]} {_told(word)}",
        name=_told(labels.get("alertname", "")),
        source=_told(source),
        place=_told(f"{source} {labels.get('device', '')}".strip()),
        span=_span(alert, now),
        summary=_told(alert.annotations.get("summary", "") or alert.text),
    )


def _span(alert: Alert, now: float) -> str:
    began = from_rfc3339(alert.starts_at)
    if alert.status == RESOLVED:
        return f"after {lasting(from_rfc3339(alert.ends_at) - began)}"
    return f"for {lasting(now - began)}"


def _longest(words: Iterable[str]) -> int:
    return max(map(cell_len, words), default=0)


def _told(text: str) -> str:
    return printable(text[:_LONGEST])
