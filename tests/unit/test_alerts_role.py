"""What the alerts processor says of its settings before it runs."""

import pytest
from structlog.testing import capture_logs

from processors.alerts.role import ROLE
from processors.alerts.settings import AlertsSettings
from tests.conftest import FakeClock


@pytest.mark.parametrize(
    ("disable", "reasons"),
    [
        (("CpuBusy", "Disk*", "Watchdog"), []),
        (("CpuBsy",), ["no rule that comes with virtpulse is called CpuBsy; did you mean CpuBusy?"]),
        (("Watchdgo", "zzz*"), ["called Watchdgo; did you mean Watchdog?", "no rule that comes with virtpulse is called zzz*"]),
    ],
)
def test_a_name_to_be_disabled_that_no_rule_has_is_said_with_the_one_that_may_be_meant(
    fake_clock: FakeClock, disable: tuple[str, ...], reasons: list[str]
) -> None:
    with capture_logs() as logs:
        ROLE.make(AlertsSettings(disable=disable), fake_clock)
    assert len(logs) == len(reasons)
    assert all(log["reason"].endswith(reason) for log, reason in zip(logs, reasons, strict=True))
