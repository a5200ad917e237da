"""The wire form. orjson writes; msgspec reads, because it checks every type in the same pass and is no slower."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import orjson

from virtpulse.messages.bounds import MAX_MESSAGE_BYTES
from virtpulse.messages.sample import Sample, host_of
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing

T = TypeVar("T", bound=msgspec.Struct)


def encode(document: msgspec.Struct) -> bytes:
    """Return the document as UTF-8 JSON; fields that are not set stay out."""
    return orjson.dumps(msgspec.to_builtins(document))


def decode(value: bytes, kind: type[T]) -> T:
    """Read one document of ours. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return msgspec.json.decode(value, type=kind)


def joined(contents: Sequence[bytes]) -> bytes:
    """Return one message of documents that are JSON already, at least one: the document itself, or an array of them."""
    return contents[0] if len(contents) == 1 else b"[" + b",".join(contents) + b"]"


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
