"""What the settings of the windows allow, and what they say of the rest."""

import pytest

from processors.windows.settings import WindowsSettings
from virtpulse.errors import UsageError
from virtpulse.units import Duration


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": Duration(0)}, "size must be from 10ms to 366d, got 0 s"),
        ({"hop": Duration(11)}, "hop must be from 10ms to size, else samples fall between windows, got 11 s"),
        ({"size": Duration(100), "hop": Duration(0.01)}, "hop must be at least size / 1000, got 0.01 s"),
        ({"forget": Duration(0)}, "forget must be at least 1m, else live sources would go, got 0 s"),
        ({"forget": Duration(59)}, "forget must be at least 1m, else live sources would go, got 59 s"),
        ({"batch": 0}, "batch must be from 1 to 100000, got 0"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_what_is_allowed(settings: dict[str, Duration], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        WindowsSettings(**settings)  # type: ignore[arg-type] # the values are those of the names above
    assert str(refused.value) == f"processors.windows.{said}"


def test_the_bounds_themselves_are_allowed() -> None:
    assert WindowsSettings(size=Duration(0.01), hop=Duration(0.01), forget=Duration(60), batch=1).messages_a_step == 1
