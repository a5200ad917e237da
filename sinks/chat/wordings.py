"""How one alert reads in a chat. Whatever came from outside is made harmless here."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from virtpulse.harmless import harmless
from virtpulse.messages.alert import Alert, source_of
from virtpulse.messages.moments import from_rfc3339
from virtpulse.wording import lasting

RESOLVED: Final = "resolved"

_SYMBOLS: Final = {"critical": "🔴", "warning": "🟠", "info": "🔵", RESOLVED: "🟢"}
_OTHER: Final = "⚪"
_RANKS: Final = tuple(_SYMBOLS)
_NAME_CHARS: Final = 80
_TEXT_CHARS: Final = 240
_LINK: Final = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9./?#=%+_-]*)?")  # nothing that a service reads as markup


def grade(alert: Alert) -> str:
    """Return the word for what an alert is: its severity while it fires, else resolved."""
    if alert.status == RESOLVED:
        return RESOLVED
    return harmless(alert.labels.get("severity", "none"), 20) or "none"


def rule_of(alert: Alert) -> str:
    """Return the name of its rule."""
    return harmless(alert.labels.get("alertname", "alert"), _NAME_CHARS)


def title(group: Mapping[str, str], alerts: Sequence[Alert]) -> str:
    """Return what the alerts have in common, and how many there are of each severity, worst first."""
    counts = Counter(map(grade, alerts))
    words = sorted(counts, key=lambda word: (_rank(word), word))
    told = ", ".join(f"{_symbol(word)} {counts[word]} {word}" for word in words[: len(_RANKS) + 1])
    return f"{_group(group)}: {told}"


def line(alert: Alert, now: float, *, repeated: bool) -> str:
    """Return an alert as one line; a repeated one says for how long it has been firing, a resolved one how long it lasted."""
    word = grade(alert)
    what = f"{_symbol(word)} {word} {rule_of(alert)} {_place(alert.labels)}".rstrip()
    summary = harmless(alert.annotations.get("summary", ""), _TEXT_CHARS)
    return f"{what}{_span(alert, now, repeated=repeated)}{f': {summary}' if summary else ''}"


def advice(alert: Alert) -> str:
    """Return what to do about it and where that is written, for behind its line; nothing where it is resolved or nobody knows."""
    if alert.status == RESOLVED:
        return ""
    told = harmless(alert.annotations.get("advice", ""), _TEXT_CHARS)
    runbook = alert.annotations.get("runbook_url", "")
    link = f"see {runbook}" if len(runbook) <= _TEXT_CHARS and _LINK.fullmatch(runbook) else ""
    parts = "; ".join(part for part in (told.removesuffix(".") if link else told, link) if part)
    return f" → {parts}" if parts else ""


def _span(alert: Alert, now: float, *, repeated: bool) -> str:
    began = _moment(alert.starts_at, now)
    if alert.status == RESOLVED:
        return f" after {lasting(_moment(alert.ends_at, now) - began)}"
    return f", still firing for {lasting(now - began)}" if repeated else ""


def _moment(text: str, otherwise: float) -> float:
    try:
        return from_rfc3339(text)
    except ValueError:
        return otherwise


def _place(labels: Mapping[str, str]) -> str:
    return harmless(f"{source_of(labels)} {labels.get('device', '')}".strip(), _NAME_CHARS)


def _group(group: Mapping[str, str]) -> str:
    told = " ".join(value if name in {"host", "alertname"} else f"{name}={value}" for name, value in group.items() if value)
    return harmless(told, _NAME_CHARS) or "virtpulse"


def _rank(word: str) -> int:
    return _RANKS.index(word) if word in _SYMBOLS else _RANKS.index(RESOLVED)


def _symbol(word: str) -> str:
    return _SYMBOLS.get(word, _OTHER)
