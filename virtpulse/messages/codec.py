"""The wire form. orjson writes; msgspec reads, because it checks every type in the same pass and is no slower."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import orjson

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
