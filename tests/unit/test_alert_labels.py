"""What is read off an alert's labels."""

import pytest

from virtpulse.messages.alert import SEVERITIES, severity_rank, source_of


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({"host": "kvm-07"}, "kvm-07"),
        ({"host": "kvm-07", "vm": "web-3"}, "kvm-07/web-3"),
        ({"host": "kvm-07", "vm": ""}, "kvm-07"),
        ({"alertname": "Watchdog"}, ""),
    ],
)
def test_the_source_is_host_and_guest(labels: dict[str, str], source: str) -> None:
    assert source_of(labels) == source


def test_severities_are_ranked_worst_first_and_one_that_is_not_known_last() -> None:
    assert sorted(["urgent", *SEVERITIES[::-1], ""], key=severity_rank)[:4] == [*SEVERITIES]
    assert severity_rank("") == severity_rank("urgent") == len(SEVERITIES)
