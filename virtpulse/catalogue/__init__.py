"""The metric catalogue: what every metric that virtpulse knows means. A metric it does not know is carried all the same."""

from typing import Final

from virtpulse.catalogue.checks import CHECK_METRICS
from virtpulse.catalogue.entries import Fact, Family, Metric
from virtpulse.catalogue.guest import GUEST_FACTS, GUEST_METRICS
from virtpulse.catalogue.machine import MACHINE_FACTS, MACHINE_METRICS

__all__ = ["FACTS", "METRICS", "Fact", "Family", "Metric", "metric", "split_key"]

METRICS: Final[dict[str, Metric]] = {entry.name: entry for entry in (*MACHINE_METRICS, *GUEST_METRICS, *CHECK_METRICS)}
FACTS: Final[dict[str, Fact]] = {entry.name: entry for entry in (*MACHINE_FACTS, *GUEST_FACTS)}


def split_key(key: str) -> tuple[str, str]:
    """Return the name and the device of a metric key; the device is empty where the key has none."""
    name, _, device = key.partition("@")
    return name, device


def metric(key: str) -> Metric | None:
    """Return what the catalogue says of a metric key (`name` or `name@device`), None for a metric it does not know."""
    return METRICS.get(split_key(key)[0])
