"""An example of each kind of document that people write readers of, as the JSON Schemas carry it."""

from typing import Any, Final

import msgspec
import orjson

from virtpulse.messages.alert import Alert, AlertState, fingerprint
from virtpulse.messages.codec import encode
from virtpulse.messages.moments import to_rfc3339
from virtpulse.messages.silence import Silence

_FIRED: Final = 1_795_417_140.0
_LABELS: Final = {
    "alertname": "CpuBusy",
    "severity": "warning",
    "host": "kvm-07",
    "vm": "web-3",
    "metric": "vm.cpu.utilization",
}
_SUMMARY: Final = "kvm-07/web-3 uses 93 % of its CPU"
_FIRING: Final = Alert(
    status="firing",
    labels=_LABELS,
    annotations={
        "summary": _SUMMARY,
        "advice": "See which process it is, or give the guest more CPUs.",
        "value": "93.2",
        "threshold": "90",
        "since": to_rfc3339(_FIRED - 60),
        "vm_id": "5c2b7a86-3f0e-4e0a-9d63-6f0c7a4a1d11",
    },
    starts_at=to_rfc3339(_FIRED),
    fingerprint=fingerprint(_LABELS),
    text=f"[warning] CpuBusy kvm-07/web-3: {_SUMMARY}",
)
_RESOLVED: Final = msgspec.structs.replace(
    _FIRING,
    status="resolved",
    ends_at=to_rfc3339(_FIRED + 180),
    text=f"[resolved after 3 min] CpuBusy kvm-07/web-3: {_SUMMARY}",
)
_PENDING: Final = AlertState(
    fingerprint=fingerprint(_LABELS),
    state="pending",
    rule="CpuBusy",
    source="kvm-07/web-3",
    view="hypervisor",
    key="vm.cpu.utilization",
    since=_FIRED - 60,
)
_SILENCE: Final = Silence(
    id="9f3c1a2b",
    matchers=("host=kvm-07", "severity!=critical"),
    starts=_FIRED,
    ends=_FIRED + 7_200,
    created=_FIRED,
    reason="kernel update",
    by="ana",
)
_DOCUMENTS: Final[dict[str, tuple[msgspec.Struct, ...]]] = {
    "Alert": (_FIRING, _RESOLVED),
    "AlertState": (_PENDING, msgspec.structs.replace(_PENDING, state="firing", fired=_FIRED, alert=_FIRING)),
    "Silence": (_SILENCE,),
}


def examples(name: str) -> list[dict[str, Any]]:
    """Return documents of the kind `name` as JSON reads them, none for a kind without examples."""
    return [orjson.loads(encode(document)) for document in _DOCUMENTS.get(name, ())]
