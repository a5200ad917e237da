"""The thread of the local log: what a caller that is cancelled may rely on."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from virtpulse.errors import FatalError
from virtpulse.transports.local import database_thread as database_thread_module
from virtpulse.transports.local.database_thread import DatabaseThread


class SlowWork:
    """Work that lasts until it is released."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()
        self.done = False

    def __call__(self, _connection: sqlite3.Connection) -> None:
        self.begun.set()
        self.released.wait()
        self.done = True


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[DatabaseThread]:
    database = DatabaseThread(tmp_path / "log.db", "test")
    await database.open()
    yield database
    await database.close()


async def _begin(database: DatabaseThread, work: SlowWork) -> "asyncio.Task[None]":
    task = asyncio.create_task(database.settle(work))
    assert await asyncio.to_thread(work.begun.wait, 10)
    return task


async def test_a_writer_that_is_cancelled_again_and_again_leaves_when_it_is_certain(database: DatabaseThread) -> None:
    work = SlowWork()
    task = await _begin(database, work)
    for _ in range(3):
        task.cancel()
        await asyncio.wait([task], timeout=0.02)
    assert not task.done()
    work.released.set()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()
    assert work.done


async def test_a_writer_does_not_wait_for_a_disk_that_never_answers_and_says_so(
    database: DatabaseThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_thread_module, "CERTAIN_WITHIN", 0.02)
    work = SlowWork()
    task = await _begin(database, work)
    with capture_logs() as lines:
        task.cancel()
        await asyncio.wait([task], timeout=10)
    assert task.cancelled()
    assert [line["event"] for line in lines] == ["left a write whose outcome is not certain"]
    work.released.set()


async def test_work_that_had_not_begun_is_not_done_once_it_is_cancelled(database: DatabaseThread) -> None:
    first, second = SlowWork(), SlowWork()
    begun = await _begin(database, first)
    waiting = asyncio.create_task(database.settle(second))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=10)
    assert waiting.cancelled()
    first.released.set()
    await begun
    await database.close()
    assert not second.begun.is_set()


async def test_closing_gives_up_on_a_disk_that_does_not_answer_and_the_thread_ends_when_it_does(
    database: DatabaseThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_thread_module, "_CLOSE_WITHIN", 0.02)
    work = SlowWork()
    task = await _begin(database, work)
    with capture_logs() as lines:
        await database.close()
    assert [line["event"] for line in lines] == ["the log could not be closed in time"]
    with pytest.raises(FatalError, match="was closed"):
        await database.ask(work)
    work.released.set()
    await task
    await asyncio.to_thread(database._thread._thread.join, 10)
    assert database._connection is None


async def test_a_caller_that_still_waits_when_the_thread_is_ended_is_told(
    database: DatabaseThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_thread_module, "_CLOSE_WITHIN", 0.02)
    work = SlowWork()
    first = await _begin(database, work)
    second = asyncio.create_task(database.ask(lambda _connection: 1))
    await asyncio.sleep(0)
    await database.close()
    work.released.set()
    await asyncio.wait([first, second], timeout=10)
    assert first.done()
    with pytest.raises(FatalError, match="was ended before the call was made"):
        await second
