"""One receiver's chat service, which apprise talks to.

apprise blocks, logs what it was given, password and all, and answers with true or false. So each receiver has a thread of its
own, and its records go nowhere but to `reason`.
"""

import asyncio
import logging
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import apprise
from apprise.logger import NotifyLogEntry

from sinks.chat.message import Message, Room
from sinks.chat.opening import Opened, opened
from sinks.chat.reasons import Record, reason
from virtpulse.clock import Clock
from virtpulse.config.secrets import Secret
from virtpulse.errors import RetryableError, UsageError
from virtpulse.thread import WorkerThread

_LONGEST_CALL: Final = 3_600.0  # seconds, after which a call that does not return is left behind
_LAST_WAIT: Final = 0.5  # seconds for which closing waits for a logout; the runtime waits a little longer
_DETAILS: Final = ("Socket Exception", "I/O Exception", "Response Details")  # what apprise logs of a failure beside its warning
_MOST_RECORDS: Final = 100


@dataclass(frozen=True, slots=True)
class _Call:
    """A message on its way. about: what it tells of. records: what apprise logged so far. outcome: None, or what went wrong."""

    about: Hashable
    begun: float
    records: list[Record]
    outcome: "asyncio.Future[RetryableError | None]"


class Service:
    """Tells one receiver, one message at a time.

    A call that takes too long cannot be ended, as it blocks. It goes on, and its outcome counts: if the message that it
    was about is sent again, and was taken meanwhile, it is not told twice.
    """

    def __init__(self, name: str, url: Secret, lines: int, timeout: float, clock: Clock) -> None:
        self._name = name
        self._url = url
        self._lines = lines
        self._timeout = timeout
        self._clock = clock
        self._opened: Opened | None = opened(name, url.reveal(), lines, timeout)
        self._scheme = self._opened.scheme
        self.room: Room = self._opened.room
        self._thread = WorkerThread(f"chat {name}")
        self._call: _Call | None = None

    async def tell(self, message: Message, about: Hashable) -> None:
        """Return once the service has taken the message; `about` is equal for messages that tell the same.

        Raises RetryableError.
        """
        while True:
            call = self._call or await self._begin(message, about)
            await asyncio.wait({call.outcome}, timeout=self._timeout)
            if not call.outcome.done():
                self._leave_if_stuck(call)
                raise self._unanswered(call)
            self._call = None
            failure = call.outcome.result()
            if call.about != about:
                continue  # it was an earlier message, and this one has its turn now
            if failure is not None:
                raise failure
            return

    async def close(self) -> None:
        """Log out where apprise does so; a call that does not return is left behind."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WAIT):
                await self._thread.run(self._forget)
        self._thread.end(self._forget)

    async def _begin(self, message: Message, about: Hashable) -> _Call:
        records: list[Record] = []
        begun = self._clock.monotonic()
        outcome = await self._thread.begin(partial(self._send, message, records))
        self._call = _Call(about, begun, records, outcome)
        return self._call

    def _leave_if_stuck(self, call: _Call) -> None:
        if self._clock.monotonic() - call.begun > _LONGEST_CALL:
            self._thread.end(self._forget)
            self._thread = WorkerThread(f"chat {self._name}")
            self._call = None

    def _unanswered(self, call: _Call) -> RetryableError:
        if call.records:
            return self._failed(call.records)
        return RetryableError(f"{self._told()} did not answer within {self._timeout:g} s; see how it fares")

    def _failed(self, records: list[Record]) -> RetryableError:
        why = reason(records)
        return RetryableError(f"{self._told()} {why.words}", after=why.after)

    def _told(self) -> str:
        return f"chat {self._name}: the service ({self._scheme})"

    # from here on in the thread

    def _send(self, message: Message, records: list[Record]) -> RetryableError | None:
        try:
            service = self._opened or opened(self._name, self._url.reveal(), self._lines, self._timeout)
        except UsageError as error:  # of a file or a variable that was there when it began
            return RetryableError(str(error))
        self._opened = None  # after a failure the next one begins anew, with a login, and the URL as it is then
        self._scheme, self.room = service.scheme, service.room
        if not _sent(service, message, records):
            return self._failed(records)
        if service.reusable:
            self._opened = service
        return None

    def _forget(self) -> None:
        """Drop it here, as apprise logs out of some services where it is dropped."""
        self._opened = None


def _sent(service: Opened, message: Message, records: list[Record]) -> bool:
    """Send a message, and keep what apprise says of that in `records`. It may block for long."""
    teller = apprise.Apprise(asset=service.plugin.asset)
    teller.add(service.plugin)
    told = f"{message.title}\n{message.body}" if service.title_in_body else message.body
    result = teller.notify(
        body=told,
        title="" if service.title_in_body else message.title,
        notify_type=_kind(message.grades),
        body_format=apprise.NotifyFormat.TEXT,
        log_callback=partial(_keep, records),
        log_level=logging.DEBUG,
    )
    return bool(result)


def _keep(records: list[Record], entry: NotifyLogEntry, _service: object) -> None:
    """Keep warnings, and the details of failures; nothing that holds the message itself, whose words are no reason."""
    warning = entry.level not in {"DEBUG", "INFO"}
    if len(records) < _MOST_RECORDS and (warning or entry.message.startswith(_DETAILS)):
        records.append(Record(entry.message[:2_000], warning))


def _kind(grades: frozenset[str]) -> apprise.NotifyType:
    """Return what colours the message where a service does so."""
    if "critical" in grades:
        return apprise.NotifyType.FAILURE
    if "warning" in grades:
        return apprise.NotifyType.WARNING
    return apprise.NotifyType.SUCCESS if grades == {"resolved"} else apprise.NotifyType.INFO
