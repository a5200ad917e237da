"""What can be set of webhooks."""

from pathlib import Path
from typing import Annotated

import msgspec

from sinks.receivers import GroupBy, check_longer_than_nothing, check_names, check_receiver
from virtpulse.config.secrets import Secret
from virtpulse.units import Duration


class WebhookReceiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `[[sinks.webhook.to]]`.

    name: as logs and the body's `receiver` say it. url: where it takes a POST. match: matchers of the alerts that it is told
    of, none for all. secret: signs each body, in the form of Standard Webhooks. authorization: the header of that name, as
    `Bearer TOKEN`. ca: a file of certificates to believe in instead of the system's.
    """

    name: str
    url: Secret
    match: tuple[str, ...] = ()
    secret: Secret | None = None
    authorization: Secret | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        check_receiver(self)


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.webhook]`.

    to: who is told. group_by: labels by whose values alerts come together in one body. group_wait: after a group's first
    change, for others to come along. group_interval: between two bodies of a group, at least. repeat_interval: after which
    what still fires is told again. watchdog: how often the alert that always fires is told, 0 for never. timeout: of one
    POST. most_alerts: in a body; `truncatedAlerts` counts the others. external_url: `externalURL` of the body.
    """

    to: tuple[WebhookReceiver, ...] = ()
    group_by: GroupBy = ("alertname", "host")
    group_wait: Duration = Duration(30)
    group_interval: Duration = Duration(300)
    repeat_interval: Duration = Duration(14_400)
    watchdog: Duration = Duration(300)
    timeout: Duration = Duration(10)
    most_alerts: Annotated[int, msgspec.Meta(ge=1)] = 500
    external_url: str = ""

    def __post_init__(self) -> None:
        check_names(self.to)
        check_longer_than_nothing(timeout=self.timeout)
