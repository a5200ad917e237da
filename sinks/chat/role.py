"""The chats, as the wiring knows them."""

from typing import Final

from sinks.chat.settings import ChatSettings
from sinks.receivers import needing, receivers
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole, NotifierSpec


def _spec(settings: ChatSettings) -> NotifierSpec:
    return NotifierSpec(
        "chat",
        receivers(settings.to),
        settings.group_by,
        wait=settings.group_wait,
        interval=settings.group_interval,
        repeat=settings.repeat_interval,
        watchdog=settings.watchdog,
    )


def _make(settings: ChatSettings, clock: Clock) -> Notifier:
    with needing("apprise", "chat", "chat"):
        from sinks.chat.notifier import ChatNotifier  # noqa: PLC0415 only a process that tells people pays for it

    return ChatNotifier(settings, clock)


ROLE: Final = NotifierRole(ChatSettings, _spec, _make)
