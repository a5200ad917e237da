"""Lines for people about alerts, in colour where the terminal takes it."""

import os
from collections.abc import Mapping
from typing import Any, Final

from virtpulse.cli.pretty import local_time
from virtpulse.cli.printing import fitted
from virtpulse.messages.moments import from_rfc3339
from virtpulse.printable import printable

_COLOURS: Final = {"critical": "1;31", "warning": "33", "info": "36", "resolved": "32"}
_DIM: Final = "90"
_FAINT: Final = ("inhibited", "silenced", "pending")  # what nobody is told of


def alert_line(document: Mapping[str, Any], status: str | None = None) -> str:
    """Return a line about an alert: when it began or ended, what it does, how bad it is and its text.

    status: what is said instead of firing or resolved.
    """
    status = str(document.get("status", "?")) if status is None else status
    labels = document.get("labels")
    severity = str(labels.get("severity", "none") if isinstance(labels, dict) else "none")
    moment = document.get("endsAt" if status == "resolved" else "startsAt")
    text = str(document.get("text", "")).removeprefix(f"[{severity}] ")
    return marked_line(_seconds(moment), status, severity, text)


def inhibited_line(state: Mapping[str, Any]) -> str:
    """Return the line about an alert that is kept back, from its state."""
    alert = state.get("alert")
    return alert_line(alert if isinstance(alert, dict) else {}, "inhibited")


def marked_line(seconds: float | None, status: str, severity: str, text: str) -> str:
    """Return a line cut to the width of the terminal, with status and severity in colour."""
    mark = printable(f"  {status:<10} {severity:<8}  ")
    line = fitted(f"{local_time(seconds)}{mark}{printable(text)}")
    colour = _DIM if status in _FAINT else _COLOURS.get(status) or _COLOURS.get(severity)
    return line.replace(mark, f"\x1b[{colour}m{mark}\x1b[0m", 1) if colour and _takes_colour() else line


def _seconds(moment: object) -> float | None:
    try:
        return from_rfc3339(moment) if isinstance(moment, str) else None
    except (ValueError, OverflowError):
        return None


def _takes_colour() -> bool:
    """Return whether colour is wanted: https://no-color.org, and terminals that say that they have none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
