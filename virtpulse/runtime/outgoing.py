"""From documents to messages that a transport takes: which topic, key and partition they get."""

from collections.abc import Sequence

from msgspec import UNSET

from virtpulse.errors import InvalidError
from virtpulse.messages.bounds import DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES
from virtpulse.messages.codec import encode, joined
from virtpulse.messages.deadletter import DeadLetter
from virtpulse.messages.sample import Sample, host_of
from virtpulse.topics import DEADLETTERS, SAMPLES
from virtpulse.transports.interface import Message, Outgoing


def sample_messages(samples: Sequence[Sample]) -> list[Outgoing]:
    """Return messages for samples in their order: an array for neighbours of one host, split at the largest message."""
    messages: list[Outgoing] = []
    run: list[bytes] = []
    host, size = "", 0
    for sample in samples:
        value = encode(sample)
        if run and (host_of(sample.source) != host or size + len(value) + 2 > MAX_MESSAGE_BYTES):
            messages.append(Outgoing(SAMPLES, host, joined(run)))
            run, size = [], 0
        host = host_of(sample.source)
        run.append(value)
        size += len(value) + 1
    if run:
        messages.append(Outgoing(SAMPLES, host, joined(run)))
    return messages


def dead_letter(origin: Message, error: InvalidError, *, index: int | None = None, value: bytes | None = None) -> Outgoing:
    """Return the dead letter for `origin`, or for the document `value` with number `index` of its array."""
    content = origin.value if value is None else value
    letter = DeadLetter(
        reason=error.reason,
        field=error.field,
        topic=origin.topic,
        partition=origin.partition,
        position=origin.position,
        time=origin.time,
        index=UNSET if index is None else index,
        message=bytes(content[:DEAD_LETTER_BYTES]).decode("utf-8", "backslashreplace"),
    )
    return Outgoing(DEADLETTERS, origin.key, encode(letter), origin.partition)
