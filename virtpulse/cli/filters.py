"""Which documents of a topic `watch` shows, and what of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from virtpulse.globs import is_like
from virtpulse.messages.alert import source_of
from virtpulse.messages.sample import MAPS


class DocumentFilter(Protocol):
    """Decides what of a topic is shown."""

    def take(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is to be shown of a document, None if nothing is."""
        ...

    def gone(self, key: str) -> None:
        """Take note that the record of this key was removed from a compacted topic."""
        ...


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents are shown, and which metrics of them; None lets all through."""

    source: str | None = None
    metric: str | None = None

    def take(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is to be shown of a document, None if nothing is."""
        if self.source is not None and not is_like(str(document.get("source", "")), self.source):
            return None
        if self.metric is None:
            return document
        kept = {name: self._kept(document[name]) for name in MAPS if isinstance(document.get(name), dict)}
        return {**document, **kept} if any(kept.values()) else None

    def gone(self, key: str) -> None:
        """Show nothing of it."""

    def _kept(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in metrics.items() if is_like(key, str(self.metric))}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are shown, by their labels: the source is host and vm, the metric metric and device; None lets all through."""

    source: str | None = None
    metric: str | None = None

    def take(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return the alert if it is to be shown."""
        labels = document.get("labels")
        texts = {name: text for name, text in labels.items() if isinstance(text, str)} if isinstance(labels, dict) else {}
        return document if self.matches(texts) else None

    def gone(self, key: str) -> None:
        """Show nothing of it."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the alert with these labels is to be shown."""
        metric = "@".join(labels[name] for name in ("metric", "device") if labels.get(name))
        return _is_like(source_of(labels), self.source) and _is_like(metric, self.metric)


@dataclass(frozen=True, slots=True)
class KeptBack:
    """Of the states of alerts those that are kept back because another one fires, each once."""

    alerts: AlertFilter
    shown: set[str] = field(default_factory=set)

    def take(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state if its alert is kept back now and was not before."""
        key = str(document.get("fingerprint", ""))
        alert = document.get("alert")
        if not document.get("inhibited") or not isinstance(alert, dict):
            self.shown.discard(key)
            return None
        if key in self.shown or self.alerts.take(alert) is None:
            return None
        self.shown.add(key)
        return document

    def gone(self, key: str) -> None:
        """Show it again when it comes back."""
        self.shown.discard(key)


def _is_like(text: str, pattern: str | None) -> bool:
    return pattern is None or is_like(text, pattern)
