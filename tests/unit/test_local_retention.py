"""Forgetting old messages."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtpulse.clock import SystemClock
from virtpulse.topics import LATE, SAMPLES, SOURCES, TOPICS, Topic
from virtpulse.transports.interface import Assigned, Batch, Outgoing, Position, Start
from virtpulse.transports.local import retention
from virtpulse.transports.local.appending import Accepted, append
from virtpulse.transports.local.leases import Member, acquire, store_positions
from virtpulse.transports.local.reading import read_first, span
from virtpulse.transports.local.retention import STEP_ROWS, TOMBSTONE_SECONDS, Bounds, bounds_of, shrink_wal, trim
from virtpulse.transports.local.schema import open_database
from virtpulse.transports.local.settings import LocalSettings, TopicSettings, TopicsSettings
from virtpulse.transports.local.transport import LocalTransport
from virtpulse.units import Duration, Size

FOREVER = 1e12


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "log.db")
    yield connection
    connection.close()


class SwiftClock(SystemClock):
    """The machine's clock, but nobody has to wait for it."""

    async def sleep(self, seconds: float) -> None:
        """Return almost at once."""
        await asyncio.sleep(min(seconds, 0.001))


class HastyClock(SwiftClock):
    """The same, but its steady side runs a thousand times as fast."""

    def monotonic(self) -> float:
        """Seconds."""
        return super().monotonic() * 1_000


def _publish(log: sqlite3.Connection, messages: int, now: float, topic: str = SAMPLES, value: bytes = b"v" * 100) -> None:
    append(log, Accepted(topic, ["k"] * messages, [value] * messages), now, TOPICS)


def _trim_all(log: sqlite3.Connection, bounds: Bounds, now: float = 0.0) -> int:
    steps = 0
    while trim(log, lambda _: bounds, now):
        steps += 1
    return steps


def test_what_is_too_old_goes(log: sqlite3.Connection) -> None:
    for now in range(10):
        _publish(log, 2, float(now))
    _trim_all(log, Bounds(5.0, 1 << 30), 10.0)
    assert span(log, SAMPLES)[1:3] == (10, 20)
    _trim_all(log, Bounds(5.0, 1 << 30), 1_000.0)
    assert span(log, SAMPLES)[1:3] == (20, 20)


def test_what_is_too_much_goes_and_the_newest_stays(log: sqlite3.Connection) -> None:
    for _ in range(10):
        _publish(log, 10, 0.0)
    _trim_all(log, Bounds(FOREVER, 3_500))
    assert span(log, SAMPLES)[1:3] == (70, 100)
    _trim_all(log, Bounds(FOREVER, 0))
    assert span(log, SAMPLES)[1:3] == (90, 100)


def test_positions_go_on_after_everything_went(log: sqlite3.Connection) -> None:
    _publish(log, 10, 0.0)
    _trim_all(log, Bounds(1.0, 1 << 30), 100.0)
    _publish(log, 1, 100.0)
    piece = read_first(log, [(SAMPLES, 3)], 10)
    assert piece is not None
    assert list(piece.batch.positions) == [10]
    assert piece.following == 11


def test_each_step_is_bounded(log: sqlite3.Connection) -> None:
    for _ in range(3 * STEP_ROWS):
        _publish(log, 1, 0.0)
    assert _trim_all(log, Bounds(1.0, 1 << 30), 100.0) == 3


def test_the_count_of_bytes_stays_true(log: sqlite3.Connection) -> None:
    for size in range(50):
        _publish(log, 1 + size % 3, float(size), value=b"v" * size)
    _trim_all(log, Bounds(20.0, 1 << 30), 50.0)
    counted = log.execute("SELECT bytes FROM topics").fetchone()[0]
    assert counted == log.execute("SELECT sum(length(head) + length(body)) FROM batches").fetchone()[0]


def test_a_group_that_fell_behind_goes_on_at_the_earliest_and_is_told(log: sqlite3.Connection) -> None:
    for _ in range(10):
        _publish(log, 10, 0.0)
    store_positions(log, "g", {SAMPLES: Position(20, 30)})
    _trim_all(log, Bounds(FOREVER, 3_500))
    ownership = acquire(log, Member("g", "token", ""), [SAMPLES], 0.0)
    assert ownership is not None
    assert ownership.positions == {SAMPLES: Position(70, 70)}
    assert ownership.skipped == 50


def test_a_replay_that_fell_behind_is_cut_and_what_it_misses_is_told(log: sqlite3.Connection) -> None:
    for _ in range(10):
        _publish(log, 10, 0.0)
    store_positions(log, "g", {SAMPLES: Position(20, 90)})
    _trim_all(log, Bounds(FOREVER, 3_500))
    ownership = acquire(log, Member("g", "token", ""), [SAMPLES], 0.0)
    assert ownership is not None
    assert ownership.positions == {SAMPLES: Position(70, 90)}
    assert ownership.skipped == 50


def test_compacted_topics_keep_the_latest_for_ever_and_tombstones_for_a_day(log: sqlite3.Connection) -> None:
    _publish(log, 1, 0.0, SOURCES)
    append(log, Accepted(SOURCES, ["gone", "gone"], [b"v", b""]), 0.0, TOPICS)
    _trim_all(log, Bounds(1.0, 1), TOMBSTONE_SECONDS - 1)
    assert log.execute("SELECT count(*) FROM latest").fetchone()[0] == 2
    _trim_all(log, Bounds(1.0, 1), TOMBSTONE_SECONDS + 1)
    assert log.execute("SELECT key FROM latest").fetchall() == [("k",)]
    piece = read_first(log, [(SOURCES, 1)], 10)
    assert piece is not None
    assert (len(piece.batch), piece.batch.remaining, piece.following) == (0, 0, 3)


def test_a_topic_is_bounded_by_what_is_set_for_it_else_for_all_else_by_its_own_bounds() -> None:
    late = TopicsSettings(late=TopicSettings(max_bytes=Size(1)))
    assert bounds_of(TOPICS[LATE], LocalSettings()) == Bounds(TOPICS[LATE].max_age, TOPICS[LATE].max_bytes)
    assert bounds_of(TOPICS[LATE], LocalSettings(Duration(2.0), Size(3))) == Bounds(2.0, 3)
    assert bounds_of(TOPICS[LATE], LocalSettings(Duration(2.0), Size(3), late)) == Bounds(2.0, 1)
    assert bounds_of(TOPICS[SAMPLES], LocalSettings(Duration(2.0), Size(3), late)) == Bounds(2.0, 3)
    assert bounds_of(Topic("__class__"), LocalSettings(Duration(2.0))).max_age == 2.0


def test_each_topic_that_is_not_compacted_can_be_bounded() -> None:
    assert set(TopicsSettings.__struct_fields__) == {name for name, topic in TOPICS.items() if not topic.compacted}


async def test_each_topic_is_trimmed_by_its_own_bounds(tmp_path: Path) -> None:
    topics = TopicsSettings(late=TopicSettings(max_bytes=Size(0)))
    transport = LocalTransport(tmp_path / "log.db", LocalSettings(topics=topics), SwiftClock())
    await transport.start()
    for topic in (SAMPLES, LATE, LATE):
        await transport.publish([Outgoing(topic, "k", b"v")])
    async with asyncio.timeout(20):
        while await _oldest(transport, LATE) == 0:
            pass
    assert await _oldest(transport, SAMPLES) == 0
    await transport.close()


async def _oldest(transport: LocalTransport, topic: str) -> int:
    batch = await (await transport.follow([topic], Start.BEGINNING)).read(1, 1.0)
    assert batch is not None
    return batch.positions[0]


async def test_publishing_trims_in_the_background_and_readers_go_on(tmp_path: Path) -> None:
    settings = LocalSettings(max_age=Duration(FOREVER), max_bytes=Size(50_000))
    transport = LocalTransport(tmp_path / "log.db", settings, SwiftClock())
    await transport.start()
    slow = await transport.follow([SAMPLES], Start.BEGINNING)
    group = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await group.read(1, 1.0), Assigned)
    async with asyncio.timeout(20):
        earliest = 0
        while earliest == 0:
            await transport.publish([Outgoing(SAMPLES, "k", b"v" * 10_000)] * 3)
            piece = await (await transport.follow([SAMPLES], Start.BEGINNING)).read(1, 1.0)
            assert piece is not None
            earliest = piece.positions[0]
        batch = await slow.read(1, 1.0)
        assert batch is not None
        assert batch.positions[0] >= earliest
    await transport.close()


async def test_a_reader_that_is_overtaken_is_told_how_much_it_missed(tmp_path: Path) -> None:
    transport = LocalTransport(tmp_path / "log.db", LocalSettings(), SystemClock())
    await transport.start()
    for _ in range(10):
        await transport.publish([Outgoing(SAMPLES, "k", b"v" * 100)] * 10)
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    group = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await group.read(1, 1.0), Assigned)
    await _trim(transport, Bounds(FOREVER, 3_500))
    for read in (follower.read, group.read):
        batches = [await read(20, 1.0), await read(20, 1.0)]
        assert [(list(b.positions)[:1], b.skipped, b.remaining) for b in batches if isinstance(b, Batch)] == [
            ([70], 70, 10), ([90], 0, 0)
        ]  # fmt: skip
    await transport.publish([Outgoing(SAMPLES, "k", b"v")] * 5)
    await _trim(transport, Bounds(-FOREVER, 0))
    for read in (follower.read, group.read):
        batch = await read(20, 1.0)
        assert isinstance(batch, Batch)
        assert (len(batch), batch.skipped, batch.remaining) == (0, 5, 0)
    assert await follower.read(20, 0.0) is None
    await transport.close()


async def _trim(transport: LocalTransport, bounds: Bounds) -> None:
    while await transport._log.writer.run(trim, lambda _: bounds, time.time()):
        pass


async def test_old_messages_go_at_the_start_and_while_nobody_publishes(tmp_path: Path) -> None:
    path, bounds = tmp_path / "log.db", LocalSettings(max_age=Duration(3_600))
    log = open_database(path)
    _publish(log, 2, time.time() - 7_200)
    transport = LocalTransport(path, bounds, HastyClock())
    await transport.start()
    await _until_empty(log)
    _publish(log, 2, time.time() - 7_200)  # as another process would, so that this one does not know
    await _until_empty(log)
    await transport.close()
    log.close()


async def _until_empty(log: sqlite3.Connection) -> None:
    async with asyncio.timeout(20):
        while (held := span(log, SAMPLES)).first < held.end:  # noqa: ASYNC110 - a file tells nobody that it has changed
            await asyncio.sleep(0.01)


def test_the_write_ahead_file_shrinks_as_soon_as_no_reader_needs_it(
    log: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_WAL_BYTES", 100_000)
    path, wal = tmp_path / "log.db", tmp_path / "log.db-wal"
    reader = open_database(path)
    reader.execute("BEGIN")
    span(reader, SAMPLES)
    for _ in range(50):
        _publish(log, 50, 0.0)
    shrink_wal(log, path)
    assert wal.stat().st_size > 100_000
    reader.execute("COMMIT")
    shrink_wal(log, path)
    assert wal.stat().st_size == 0
    reader.close()
