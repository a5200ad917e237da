"""What can be set of chats."""

from typing import Annotated

import msgspec

from sinks.receivers import GroupBy, check_longer_than_nothing, check_names, check_receiver
from virtpulse.config.secrets import Secret
from virtpulse.units import Duration


class ChatReceiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `[[sinks.chat.to]]`.

    name: as logs say it. url: of one room or inbox, as apprise writes it; where it names several and one of them fails, all
    of them are told again. match: matchers of the alerts that it is told of, none for all.
    """

    name: str
    url: Secret
    match: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_receiver(self)


class ChatSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.chat]`.

    to: who is told. group_by: labels by whose values alerts come together in one message. group_wait: after a group's first
    change, for others to come along. group_interval: between two messages of a group, at least. repeat_interval: after which
    what still fires is told again. lines: at most so many a message, its title included. watchdog: how often the alert that
    always fires is told, 0 for never. timeout: how long a message may take.
    """

    to: tuple[ChatReceiver, ...] = ()
    group_by: GroupBy = ("host",)
    group_wait: Duration = Duration(30)
    group_interval: Duration = Duration(300)
    repeat_interval: Duration = Duration(14_400)
    lines: Annotated[int, msgspec.Meta(ge=3, le=1_000)] = 20
    watchdog: Duration = Duration(0)
    timeout: Duration = Duration(30)

    def __post_init__(self) -> None:
        check_names(self.to)
        check_longer_than_nothing(timeout=self.timeout)
