"""The chat bot: listens in its rooms, answers from what it remembers, and publishes silences that it was asked for."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sinks.documents import split
from sinks.matrix.allowance import Allowance
from sinks.matrix.answer import Answer
from sinks.matrix.commands import MAX_CHARS, addressed
from sinks.matrix.desk import Change, Desk
from sinks.matrix.home import Home, Said
from sinks.matrix.memory import Memory
from sinks.matrix.picture import draw
from sinks.matrix.settings import MatrixSettings
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError, RefusedError, RetryableError
from virtpulse.harmless import harmless
from virtpulse.logs import get_logger
from virtpulse.runtime.waiting import cancelled
from virtpulse.topics import AGGREGATES, SILENCES
from virtpulse.transports.interface import Batch, Outgoing

_STALE: Final = 300.0  # seconds; nobody waits any more for the answer to an older command
_CONFIRMED_WITHIN: Final = 10.0  # seconds from publishing a silence to seeing it on its topic
_LOOK: Final = 0.5  # seconds between two looks at what was not confirmed yet
_MOST_ANSWERS: Final = 100  # that wait to be said; the oldest go first
_MOST_STRANGERS: Final = 100  # that are remembered, so that each is logged once
_AT_ONCE: Final = 20  # documents between two turns of the event loop

_log = get_logger(__name__)


@dataclass(slots=True)
class _Due:
    """An answer on its way to a room, and how far that has come. number: so that the homeserver takes it once."""

    room: str
    answer: Answer
    number: str = field(default_factory=lambda: f"virtpulse{secrets.token_hex(8)}")
    said: bool = False
    picture: bytes = b""
    address: str = ""


class MatrixBot:
    """A bot in rooms of a Matrix homeserver, without end-to-end encryption. It is a `virtpulse.runtime.roles.Bot`.

    It answers texts of the configured people in the configured rooms that begin with its prefix or its name; not notices, not
    itself, and nothing written before it was started. Answers are notices that mention nobody. While the homeserver is away,
    `outgoing` raises RetryableError and is called again; what was heard and not answered is kept meanwhile.
    """

    def __init__(self, settings: MatrixSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = Memory(settings, clock)
        self._desk = Desk(settings.prefix, self._memory, clock)
        self._home = Home(settings, clock)
        self._allowance = Allowance(settings.commands_per_minute, clock)
        self._due: deque[_Due] = deque(maxlen=_MOST_ANSWERS)
        self._asked = asyncio.Event()
        self._publishing: deque[Outgoing] = deque()
        self._wanted = asyncio.Event()
        self._since: float | None = None
        self._unconfirmed: dict[str, tuple[str, Change, float]] = {}  # by id: the room, what was asked for, until when
        self._strangers: set[str] = set()
        self.ignored = 0

    async def start(self) -> None:
        """See that the secret can be had; `outgoing` connects, so that windows are remembered even while it cannot.

        Raises UsageError.
        """
        for secret in (self._settings.password, self._settings.token):
            if secret is not None:
                secret.reveal()

    async def write(self, batch: Batch) -> None:
        """Remember the batch. Raises RefusedError for messages that are not what they should be."""
        refused = await self._remember_windows(batch) if batch.topic == AGGREGATES else self._remember_records(batch)
        if refused:
            raise RefusedError(refused)

    async def outgoing(self) -> AsyncGenerator[Sequence[Outgoing], None]:
        """Listen and answer, and yield the silences to be published, or none to say that the homeserver was heard.

        Raises RetryableError while the homeserver is away.
        """
        await self._home.connect()
        if self._since is None:
            self._since = self._clock.monotonic()
            _log.info("the bot listens", rooms=self._home.rooms, prefix=self._settings.prefix)
        works: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._answer()),
            asyncio.create_task(self._expire()),
        ]
        try:
            while True:
                self._wanted.clear()
                yield self._published()
                wanted = asyncio.create_task(self._wanted.wait())
                works.append(wanted)
                await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for work in (work for work in works if work.done()):
                    work.result()
                works.remove(wanted)
        finally:
            await cancelled(*works)

    async def close(self) -> None:
        """Leave the homeserver."""
        if self.ignored:
            _log.info("messages to the bot were ignored", messages=self.ignored)
        await self._home.close()

    async def _remember_windows(self, batch: Batch) -> dict[int, str]:
        found = split(batch)
        refused = dict(found.refused)
        for count, (index, document) in enumerate(zip(found.indexes, found.lines, strict=True), start=1):
            try:
                self._memory.take_window(document)
            except InvalidError as error:
                refused[index] = error.reason
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return refused

    def _remember_records(self, batch: Batch) -> dict[int, str]:
        refused: dict[int, str] = {}
        for index, message in enumerate(batch):
            try:
                self._memory.take(message)
            except InvalidError as error:
                refused[index] = error.reason
                continue
            if batch.topic == SILENCES:
                self._confirm(message.key, ended=not message.value)
        return refused

    def _published(self) -> list[Outgoing]:
        """Return what is to be published now."""
        messages = list(self._publishing)
        self._publishing.clear()
        return messages

    async def _listen(self) -> None:
        while True:
            for said in await self._home.listen():
                self._hear(said)
            self._wanted.set()

    def _hear(self, said: Said) -> None:
        command = addressed(said.body, self._settings.prefix, self._settings.user, self._names())
        if command is None:
            return
        if said.person not in self._settings.people:
            self._ignore_stranger(said.person)
        elif len(said.body) > MAX_CHARS or said.age > min(_STALE, self._age()):
            self.ignored += 1
        elif self._allowance.admits(said.person):
            self._handle(said, command)
        else:
            self.ignored += 1
            if self._allowance.first_refusal(said.person):
                self._say(said.room, Answer(["that is more than I answer; ask again in a minute"]))

    def _age(self) -> float:
        return 0.0 if self._since is None else self._clock.monotonic() - self._since

    def _names(self) -> tuple[str, str]:
        return self._home.name, self._settings.user[1:].partition(":")[0]

    def _handle(self, said: Said, command: str) -> None:
        found = self._desk.handle(command, said.person)
        if isinstance(found, Answer):
            self._say(said.room, found)
        elif len(self._publishing) >= _MOST_ANSWERS:
            self._say(said.room, Answer(["silences cannot be published at the moment; ask again later"]))
        else:
            self._unconfirmed[found.silence.id] = (said.room, found, self._clock.monotonic() + _CONFIRMED_WITHIN)
            self._publishing += [found.message, *found.old]
            self._wanted.set()

    def _ignore_stranger(self, person: str) -> None:
        self.ignored += 1
        if person not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(person)
            _log.warning("a command of somebody who is not among sinks.matrix.people is ignored", person=harmless(person))

    def _confirm(self, name: str, *, ended: bool) -> None:
        """Say that a silence was made or ended, if somebody waits for that."""
        waiting = self._unconfirmed.get(name)
        if waiting is not None and ended == (not waiting[1].message.value):
            del self._unconfirmed[name]
            self._say(waiting[0], waiting[1].answer)

    async def _expire(self) -> None:
        while True:
            await self._clock.sleep(_LOOK)
            for name, (room, _, until) in list(self._unconfirmed.items()):
                if self._clock.monotonic() >= until:
                    del self._unconfirmed[name]
                    said = f"{name} was not confirmed within {_CONFIRMED_WITHIN:g} s; silences says what holds once the log works"
                    self._say(room, Answer([said]))

    def _say(self, room: str, answer: Answer) -> None:
        self._due.append(_Due(room, answer))
        self._asked.set()

    async def _answer(self) -> None:
        while True:
            while self._due:
                due = self._due[0]
                try:
                    await self._deliver(due)
                except RetryableError:
                    raise
                except RefusedError as error:
                    _log.warning("the homeserver refused an answer", room=due.room, error=str(error))
                except Exception:
                    self._forget(due)  # else it would fail again, for ever
                    raise
                self._forget(due)
            self._asked.clear()
            await self._asked.wait()

    def _forget(self, due: _Due) -> None:
        if self._due and self._due[0] is due:
            self._due.popleft()

    async def _deliver(self, due: _Due) -> None:
        """Say an answer, then show its picture; what is done already is not done again."""
        if not due.said:
            await self._home.say(due.room, due.answer, due.number)
            due.said = True
        if due.answer.chart is None:
            return
        if not due.picture:
            due.picture = await asyncio.to_thread(draw, due.answer.chart)
        if not due.address:
            due.address = await self._home.upload(due.picture, "chart.png")
        await self._home.show(due.room, due.address, len(due.picture), f"{due.number}p")
