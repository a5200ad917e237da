"""The chats, as the wiring knows them."""

from functools import partial
from typing import Final

from sinks.chat.settings import ChatSettings
from sinks.receivers import needing, notifier_spec
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Notifier, NotifierRole


def _make(settings: ChatSettings, clock: Clock) -> Notifier:
    with needing("apprise", "chat", "chat"):
        from sinks.chat.notifier import ChatNotifier  # noqa: PLC0415 only a process that tells people pays for it

    return ChatNotifier(settings, clock)


ROLE: Final = NotifierRole(ChatSettings, partial(notifier_spec, "chat"), _make)
