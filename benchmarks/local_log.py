"""The embedded log against raw SQLite that stores the same bytes in the same batches: wall time of both directions."""

import asyncio
import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure
from benchmarks.messages import sample
from benchmarks.timing import seconds_of
from virtpulse.clock import SystemClock
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing, Start
from virtpulse.transports.open import open_transport

_BATCH: Final = 500
_BATCHES: Final = 80
_ROUNDS: Final = 6
_WRITE_TARGET: Final = 1.5
_READ_TARGET: Final = 4.0

Batches = Sequence[Sequence[Outgoing]]


def measure() -> Iterator[Figure]:
    """Yield the ratios of writing and reading, the best of some rounds, each with fresh files on the same disk."""
    messages = [Outgoing(SAMPLES, f"kvm-{number % 50}", sample(number, 1_795_417_200.0)) for number in range(_BATCH * _BATCHES)]
    some = [messages[start : start + _BATCH] for start in range(0, len(messages), _BATCH)]
    rounds = [_round(some) for _ in range(_ROUNDS)]
    raw_write, write, raw_read, read = (min(column) for column in zip(*rounds, strict=True))
    yield Figure("local_publish", write / raw_write, "x", _WRITE_TARGET, "raw SQLite, WAL, synchronous=FULL, a row a batch")
    yield Figure("local_read", read / raw_read, "x", _READ_TARGET, "raw SQLite, rows cut into messages")


def _round(some: Batches) -> tuple[float, float, float, float]:
    """Return the seconds of a raw write, our write, a raw read, our read."""
    with TemporaryDirectory() as folder:
        raw, ours = Path(folder, "raw.db"), Path(folder, "ours.db")
        wall = time.perf_counter
        return (
            _raw_write(raw, some),
            asyncio.run(_write(ours, some)),
            seconds_of(partial(_raw_read, raw), wall),
            asyncio.run(_read(ours, _BATCH * _BATCHES)),
        )


def _raw_write(path: Path, some: Batches) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE log (at INTEGER PRIMARY KEY, count INTEGER, lengths BLOB, body BLOB)")
    begin = time.perf_counter()
    for number, messages in enumerate(some):
        values = [message.value for message in messages]
        lengths = struct.pack(f"<{len(values)}I", *map(len, values))
        connection.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (number, len(values), lengths, b"".join(values)))
    taken = time.perf_counter() - begin
    connection.close()
    return taken


def _raw_read(path: Path) -> None:
    connection = sqlite3.connect(path)
    for count, lengths, body in connection.execute("SELECT count, lengths, body FROM log ORDER BY at"):
        ends = accumulate(struct.unpack(f"<{count}I", lengths), initial=0)
        _ = [body[start:end] for start, end in pairwise(ends)]
    connection.close()


async def _write(path: Path, some: Batches) -> float:
    transport = open_transport(f"local:{path}", SystemClock())
    await transport.start()
    begin = time.perf_counter()
    for messages in some:
        await transport.publish(messages)
    taken = time.perf_counter() - begin
    await transport.close()
    return taken


async def _read(path: Path, count: int) -> float:
    transport = open_transport(f"local:{path}", SystemClock())
    await transport.start()
    begin = time.perf_counter()
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    left = count
    while left > 0 and (batch := await follower.read(_BATCH, wait=5.0)) is not None:
        left -= len(batch)
    taken = time.perf_counter() - begin
    await transport.close()
    if left:
        msg = f"{left} messages are missing in {path}"
        raise RuntimeError(msg)
    return taken
