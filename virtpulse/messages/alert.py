"""The alert, what is remembered of one while it lives, and its fingerprint."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from virtpulse.messages.moments import NEVER

Status = Literal["firing", "resolved"]
Life = Literal["pending", "firing", "recovering"]

WATCHDOG: Final = "Watchdog"  # the name of the alert that always fires, and of its rule
BEATS_FOR: Final = 180.0  # seconds for which one record of the Watchdog says that the alerts are judged
SEVERITIES: Final = ("critical", "warning", "info", "none")  # worst first
STATE_VERSION: Final = 1  # of `AlertState`; a record with a larger one is left to the release that wrote it

_FNV_OFFSET: Final = 14_695_981_039_346_656_037
_FNV_PRIME: Final = 1_099_511_628_211
_SEPARATOR: Final = 0xFF  # no byte of UTF-8, so that no two sets of labels read alike
_BITS: Final = (1 << 64) - 1


class Alert(
    msgspec.Struct,
    gc=False,
    kw_only=True,
    rename={"starts_at": "startsAt", "ends_at": "endsAt", "generator_url": "generatorURL"},
):
    """A change that people and bots should see: field for field an alert of Alertmanager's webhook, and `text`.

    labels identify it and never hold a number that changes; annotations describe it. starts_at: when it began to fire,
    ends_at: when it was resolved (Go's zero time while it fires), both RFC 3339 in the source's event time. fingerprint:
    see `fingerprint`. text: one line that a chat bot can post as it is; what came from outside is made harmless in it.
    """

    status: Status
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str = NEVER
    generator_url: str = ""
    fingerprint: str
    text: str


class AlertState(msgspec.Struct, gc=False, kw_only=True):
    """What is remembered of an alert from when its condition first held until it is resolved; then the record is removed.

    version: of this form. state: pending, firing, or recovering (it fires on, though its condition holds no more).
    rule, source, view, key: what is judged; key is the metric's, empty for a rule without one. since: when the condition
    began to hold. fired, recovering: since when it is so. missing: since when windows come without that key. These are
    seconds since the epoch, in the source's event time. value: what was judged when this was written, unset for a rule without
    a number. inhibited: the fingerprint of the alert that keeps it back, so that it is not on the alerts topic. alert: as it
    stands, unset while it is pending.
    """

    fingerprint: str
    state: Life
    rule: str
    source: str
    since: float
    view: str = ""
    key: str = ""
    fired: float | UnsetType = UNSET
    recovering: float | UnsetType = UNSET
    missing: float | UnsetType = UNSET
    value: float | UnsetType = UNSET
    inhibited: str | UnsetType = UNSET
    alert: Alert | UnsetType = UNSET
    version: int = STATE_VERSION


def source_of(labels: Mapping[str, str]) -> str:
    """Return the source that an alert is of, as `kvm-07/web-3`; empty for one of no source."""
    return "/".join(labels[name] for name in ("host", "vm") if labels.get(name))


def severity_rank(severity: str) -> int:
    """Return the place of a severity among SEVERITIES, and behind them for one that is not known."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint of labels as Prometheus computes it (`LabelSet.Fingerprint` of prometheus/common), in hex.

    It is the FNV-1a hash of 64 bits over the labels sorted by name: name, 0xff, value, 0xff.
    """
    digest = _FNV_OFFSET
    for name in sorted(labels):
        for text in (name, labels[name]):
            for byte in text.encode():
                digest = (digest ^ byte) * _FNV_PRIME & _BITS
            digest = (digest ^ _SEPARATOR) * _FNV_PRIME & _BITS
    return f"{digest:016x}"
