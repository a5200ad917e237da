"""Following what fires, and what keeps alerts back: the alert-states and silences topics."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.alert import Alert
from virtpulse.messages.alert_reading import read_silence
from virtpulse.messages.inhibition import Inhibition
from virtpulse.runtime.context import Context
from virtpulse.runtime.firing import Change, Firing
from virtpulse.runtime.latest import Place, take_latest, unseen
from virtpulse.runtime.notifying.muting import Muting
from virtpulse.runtime.notifying.silences import Silences
from virtpulse.topics import ALERT_STATES, SILENCES
from virtpulse.transports.interface import Batch, Follower, Message

TOPICS: Final = (ALERT_STATES, SILENCES)

_BATCH: Final = 500
_AT_ONCE: Final = 20

_log = get_logger(__name__)


class States:
    """Keeps `firing` and `muting` as the log has them, once `begin` has read what stands.

    Records that cannot be read are left out, counted and logged. They are not dead letters: every notifier reads them.
    """

    def __init__(self, context: Context, follower: Follower, inhibitions: Sequence[Inhibition]) -> None:
        self.firing = Firing()
        self._silences = Silences()
        self.muting = Muting(self._silences, inhibitions)
        self._context = context
        self._follower = follower
        self._stood: Mapping[Place, int] = {}
        self._changes: list[Change] = []

    async def begin(self) -> None:
        """Read what stands; `follower` must follow TOPICS already. Raises FatalError, RetryableError once the role stops."""
        self._stood = await take_latest(self._context, TOPICS, self._take)
        self._changes.clear()
        self.muting.look(self._context.clock.time())

    async def refresh(self) -> list[Change]:
        """Read all that is new; return what has changed of what fires. Raises as `begin`."""
        read = partial(self._follower.read, _BATCH, 0.0)
        while (batch := await self._context.retrying(read)) is not None:
            await self._take(unseen(batch, self._stood))
        for change in self.firing.fallen_silent(self._context.clock.time()):
            self._note(change)
        changes, self._changes = self._changes, []
        return changes

    def resolve(self, partition: int, alert: Alert) -> Change:
        """Take note that an alert is resolved, should its state not say so yet; return what that changes."""
        change = self.firing.resolve(partition, alert)
        self.muting.note(change)
        return change

    async def _take(self, batch: Batch) -> None:
        reasons = []
        for index, message in enumerate(batch):
            if index % _AT_ONCE == 0:
                await asyncio.sleep(0)  # a silence of many matchers takes a while, and others wait for the loop
            try:
                self._take_one(message)
            except InvalidError as error:
                reasons.append(f"{message.key[:40]}: {error.reason}")
        if reasons:
            self._context.counters.refused += len(reasons)
            _log.warning(
                "records cannot be read and are left out",
                role=self._context.counters.role, topic=batch.topic, records=len(reasons), first=reasons[0],
            )  # fmt: skip

    def _take_one(self, message: Message) -> None:
        if message.topic == ALERT_STATES:
            self._note(self.firing.take(message, self._context.clock.time()))
        elif message.value:
            self._silences.put(read_silence(message), self._context.clock.time())
        else:
            self._silences.remove(message.key)

    def _note(self, change: Change) -> None:
        self.muting.note(change)
        self._changes.append(change)
