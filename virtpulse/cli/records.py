"""What stands on compacted topics, for commands that look at it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from msgspec import UNSET

from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.alert import WATCHDOG, Alert, AlertState
from virtpulse.messages.alert_reading import read_state
from virtpulse.runtime.closing import closing_generator
from virtpulse.topics import ALERT_STATES
from virtpulse.transports.interface import Message, Transport

T = TypeVar("T")

_log = get_logger(__name__)


class Record(NamedTuple, Generic[T]):
    """A record of a compacted topic: its message, and what that says."""

    message: Message
    content: T


async def standing(transport: Transport, topic: str, read: Callable[[Message], T]) -> list[Record[T]]:
    """Return the records of a compacted topic, of all partitions; those that `read` refuses are logged and left out.

    Raises RetryableError or FatalError.
    """
    found: list[Record[T]] = []
    for partition in sorted(await transport.ends(topic)):
        async with closing_generator(transport.latest(topic, partition), f"latest of {topic}") as batches:
            async for batch in batches:
                for message in batch:
                    try:
                        found.append(Record(message, read(message)))
                    except InvalidError as error:
                        _log.warning("record left out", topic=topic, key=message.key, reason=error.reason)
    return found


async def alert_states(transport: Transport) -> list[Record[AlertState]]:
    """Return the states of all alerts, the Watchdog's among them. Raises RetryableError or FatalError."""
    return await standing(transport, ALERT_STATES, read_state)


def firing(state: AlertState) -> Alert | None:
    """Return the alert that fires, so that people are told of it; None if it is pending or kept back, or the Watchdog's."""
    told = state.state != "pending" and state.inhibited is UNSET and state.rule != WATCHDOG
    return state.alert if told and isinstance(state.alert, Alert) else None


def labels_of(states: Sequence[Record[AlertState]]) -> list[Mapping[str, str]]:
    """Return the labels of the alerts that fire."""
    return [alert.labels for record in states if (alert := firing(record.content)) is not None]
