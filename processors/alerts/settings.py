"""What can be set of the alerts."""

from typing import Final

import msgspec

from processors.alerts.rule import Rule
from virtpulse.errors import UsageError
from virtpulse.units import Duration

_MOST_AT_ONCE: Final = 100_000
_MOST_RULES: Final = 10_000


class AlertsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[processors.alerts]`; `rules` stand at the top of the configuration, as `[[rules]]`.

    disable: names, with * and ?, of the rules that come with it and are not wanted; Watchdog is one of them.
    stale_after: an alert whose metric its source no longer reports is resolved after this time. absent_after: the shortest
    silence that is judged; a source is silent after three times its own `due` otherwise. runbook_base: what is put before a
    rule's runbook. ahead: as of the windows; a sample dated further after the time at which the log took it in is not judged.
    most: alerts that are remembered; those beyond are not raised. batch: messages judged, and stored, as one step.
    """

    disable: tuple[str, ...] = ()
    stale_after: Duration = Duration(300)
    absent_after: Duration = Duration(15)
    runbook_base: str = ""
    ahead: Duration = Duration(600)
    most: int = 200_000
    batch: int = 5_000
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        """Check what no type can say. Raises UsageError."""
        names: set[str] = set()
        for rule in self.rules:
            if rule.name in names:
                msg = f"rules has two of the name {rule.name}: give one of them another name"
                raise UsageError(msg)
            names.add(rule.name)
        if len(self.rules) > _MOST_RULES:
            msg = f"rules must be at most {_MOST_RULES}, got {len(self.rules)}"
            raise UsageError(msg)
        if not 1 <= self.batch <= _MOST_AT_ONCE:
            msg = f"batch must be from 1 to {_MOST_AT_ONCE}, got {self.batch}"
            raise UsageError(msg)
        if self.most < 1:
            msg = f"most must be at least 1, got {self.most}"
            raise UsageError(msg)
        if not self.stale_after or not self.absent_after:
            name = "absent_after" if self.stale_after else "stale_after"
            msg = f"{name} must be above 0"
            raise UsageError(msg)
