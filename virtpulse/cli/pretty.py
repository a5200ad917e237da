"""A line for people of each kind of document."""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Any

from virtpulse.messages.bounds import MAX_AMOUNT
from virtpulse.messages.sample import MAPS
from virtpulse.printable import printable
from virtpulse.wording import duration, percent


def sample_line(document: Mapping[str, Any]) -> str:
    """Return the ratios of a sample, late or not."""
    found = [f"{key} {_pair(pair, timing=name == 'timings')}" for name in MAPS for key, pair in _map(document, name).items()]
    return _line(document.get("time"), document, found)


def aggregate_line(document: Mapping[str, Any]) -> str:
    """Return the ratios of a window, and the means of its timings."""
    found = [f"{key} {_value(cell)}" for name in MAPS for key, cell in _map(document, name).items()]
    return _line(document.get("end"), document, found)


def source_line(document: Mapping[str, Any], silent: Container[str] = ()) -> str:
    """Return when a source was last seen, and how it ended if it did, or that it is one of those that are silent."""
    state = "silent" if str(document.get("source")) in silent else f"since {local_time(document.get('first'))}"
    state = f"ended: {document['ended']}" if document.get("ended") else state
    return _line(document.get("last"), document, [state])


def dead_letter_line(document: Mapping[str, Any]) -> str:
    """Return where a dead letter came from, and what was wrong with it."""
    origin = f"{document.get('topic')} {document.get('partition')}:{document.get('position')}"
    return printable(f"{local_time(document.get('time'))}  {origin}  {document.get('field')}: {document.get('reason')}")


def _line(time: object, document: Mapping[str, Any], found: list[str]) -> str:
    view = f" ({document['view']})" if document.get("view") else ""
    return printable(f"{local_time(time)}  {document.get('source')}{view}  {'  '.join(found)}")


def _map(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def local_time(seconds: object) -> str:
    """Return seconds since the epoch as people here write them, `?` for what is no moment."""
    if not isinstance(seconds, (int, float)):
        return "?"
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"


def _pair(pair: object, *, timing: bool) -> str:
    match pair:
        case [int() | float() as part, int() | float() as whole] if whole and max(abs(part), abs(whole)) <= MAX_AMOUNT:
            return duration(part / whole) if timing else percent(100 * part / whole)
        case _:
            return percent(None)


def _value(cell: object) -> str:
    match cell:
        case {"ratio": int() | float() as ratio} if abs(ratio) <= MAX_AMOUNT:
            return percent(ratio)
        case {"mean": int() | float() as mean} if abs(mean) <= MAX_AMOUNT:
            return duration(mean)
        case _:
            return percent(None)
