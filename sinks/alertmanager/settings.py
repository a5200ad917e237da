"""What can be set of Alertmanagers."""

from pathlib import Path

import msgspec

from sinks.receivers import GroupBy, check_longer_than_nothing, check_names, check_receiver
from virtpulse.config.secrets import Secret
from virtpulse.units import Duration


class AlertmanagerReceiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `[[sinks.alertmanager.to]]`.

    name: as logs say it. url: of the Alertmanager, without `/api/v2/alerts`. match: matchers of the alerts that it is told of,
    none for all. authorization: the header of that name, as `Bearer TOKEN`. ca: a file of certificates to believe in instead
    of the system's.
    """

    name: str
    url: Secret
    match: tuple[str, ...] = ()
    authorization: Secret | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        check_receiver(self)


class AlertmanagerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.alertmanager]`.

    to: the Alertmanagers; each of a cluster, as each is told by itself. repeat_interval: after which what still fires is
    posted again; an alert that is posted no more ends there after four times as long. group_by: labels by whose values
    alerts come together in one POST. group_wait, group_interval: as of the other sinks; grouping for people is the
    Alertmanager's. watchdog: how often the alert that always fires is posted, 0 for never. timeout: of one POST.
    """

    to: tuple[AlertmanagerReceiver, ...] = ()
    group_by: GroupBy = ("host",)
    group_wait: Duration = Duration(0)
    group_interval: Duration = Duration(0)
    repeat_interval: Duration = Duration(60)
    watchdog: Duration = Duration(60)
    timeout: Duration = Duration(10)

    def __post_init__(self) -> None:
        check_names(self.to)
        check_longer_than_nothing(timeout=self.timeout, repeat_interval=self.repeat_interval)
