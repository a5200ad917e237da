"""What `watch alerts` shows, by the labels of the alerts, and which states it tells of once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtpulse.cli.filters import AlertFilter, KeptBack

LABELS = {"alertname": "DiskSlow", "host": "kvm-07", "vm": "web-3", "metric": "vm.disk.operation_time", "device": "vda.read"}


@pytest.mark.parametrize(
    ("source", "metric", "shown"),
    [
        (None, None, True),
        ("kvm-07/web-3", None, True),
        ("kvm-07/*", None, True),
        ("kvm-07", None, False),
        ("*", "vm.disk.*", True),
        (None, "vm.disk.operation_time@vda.*", True),
        (None, "vm.disk.operation_time", False),
        ("kvm-08*", "vm.disk.*", False),
    ],
)
def test_source_and_metric_of_an_alert_are_its_labels(source: str | None, metric: str | None, shown: bool) -> None:  # noqa: FBT001 - a column of the table
    document = {"labels": LABELS}
    assert AlertFilter(source, metric).take(document) == (document if shown else None)


def test_an_alert_without_a_metric_or_a_guest_has_none_of_them_in_its_name() -> None:
    alerts = {"labels": {"alertname": "HostSilent", "host": "kvm-07"}}
    assert AlertFilter("kvm-07", None).take(alerts) == alerts
    assert AlertFilter(None, "system.*").take(alerts) is None


def state(*, inhibited: str | None = "0123456789abcdef", key: str = "a") -> dict[str, Any]:
    document: dict[str, Any] = {"fingerprint": key, "alert": {"labels": LABELS}}
    return document if inhibited is None else {**document, "inhibited": inhibited}


def test_a_state_that_is_kept_back_is_told_once_until_it_is_not_any_more() -> None:
    kept = KeptBack(AlertFilter())
    assert [kept.take(state()) is not None for _ in range(3)] == [True, False, False]
    assert kept.take(state(inhibited=None)) is None
    assert kept.take(state()) is not None
    kept.gone("a")
    assert kept.take(state()) is not None
    assert kept.take(state(key="b")) is not None


def test_a_state_of_another_source_or_without_an_alert_is_not_told() -> None:
    assert KeptBack(AlertFilter("kvm-08*")).take(state()) is None
    pending = {"fingerprint": "a", "inhibited": "b"}
    assert KeptBack(AlertFilter()).take(pending) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["labels", "alert", "inhibited", "fingerprint"]), json_values))
def test_a_document_of_any_shape_is_shown_or_not(document: dict[str, Any]) -> None:
    for found in (AlertFilter("a*", "b*"), AlertFilter(), KeptBack(AlertFilter("*", None))):
        assert found.take(document) in (document, None)
