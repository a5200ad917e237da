"""What is counted in logs and by probes."""

from typing import Final

from virtpulse.catalogue.entries import Metric

_PROBE: Final = ("probe.name",)

CHECK_METRICS: Final = (
    Metric("log.records", "faults", "{record}", "log records of level error and above", "log records", ("log.unit",)),
    Metric("probe.failed", "faults", "{attempt}", "attempts that failed", "attempts", _PROBE),
    Metric("probe.within_target", "performance", "{attempt}", "attempts answered within the target time", "attempts", _PROBE),
    Metric("probe.duration", "timings", "s", "seconds until the answer", "attempts answered", _PROBE),
)
