"""What may be wrong with the file of the local log, for real: each is told with what to do, and nothing is lost silently."""

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from virtpulse.clock import SystemClock
from virtpulse.errors import FatalError, RetryableError
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Assigned, Outgoing, Position, Progress, Start, Subscription
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transport import LocalTransport

Open = Callable[[Path], Awaitable[LocalTransport]]

_FILLER = Path(__file__).parent / "programs" / "local_filler.py"
_MESSAGE = [Outgoing(SAMPLES, "k", b"v" * 1_000)]
_NOBODY = 65_534


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    transports: list[LocalTransport] = []

    async def start(path: Path) -> LocalTransport:
        transport = LocalTransport(path, LocalSettings(), SystemClock())
        transports.append(transport)
        await transport.start()
        return transport

    yield start
    for transport in transports:
        await transport.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that every user may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


def _permit(path: Path, mode: int) -> None:
    path.chmod(mode)


@contextmanager
def _without_privileges() -> Iterator[None]:
    """Be a user for whom permissions count."""
    user = os.geteuid()
    os.seteuid(_NOBODY if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


async def _stored(transport: LocalTransport, count: int) -> list[bytes]:
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    values: list[bytes] = []
    while len(values) < count and (batch := await follower.read(1_000, 5.0)) is not None:
        values += batch.values
    return values


async def test_missing_folders_are_made_for_this_user_only(opened: Open, tmp_path: Path) -> None:
    await opened(tmp_path / "state" / "virtpulse" / "virtpulse.db")
    assert stat.S_IMODE((tmp_path / "state" / "virtpulse").stat().st_mode) == 0o700


async def test_a_file_that_is_no_database_is_left_alone(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(FatalError, match=r"letter\.txt is not a virtpulse log: name another file"):
        await opened(path)
    assert path.read_text() == "Dear Sir or Madam, " * 100


async def test_a_database_of_another_program_is_left_alone(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(FatalError, match="of another program: name another file"):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_log_of_a_later_version_is_left_alone(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await (await opened(path)).close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(FatalError, match=r"later virtpulse \(form 99.*upgrade virtpulse"):
        await opened(path)


async def test_a_damaged_log_is_told_and_nothing_is_acknowledged(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    first = await opened(path)
    await first.publish(_MESSAGE * 500)
    await first.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(size - 100))
    with pytest.raises(FatalError, match="is damaged: move it away"):
        await (await opened(path)).publish(_MESSAGE)


async def test_a_damaged_row_is_told(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    transport = await opened(path)
    await transport.publish(_MESSAGE * 5)
    with sqlite3.connect(path) as hand:
        hand.execute("UPDATE batches SET body = x'00'")
    hand.close()
    with pytest.raises(FatalError, match="is damaged"):
        await _stored(transport, 5)


async def test_a_changed_value_of_a_compacted_topic_is_told(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    transport = await opened(path)
    await transport.publish([Outgoing("sources", "a", b"12345")])
    with sqlite3.connect(path) as hand:
        hand.execute("UPDATE latest SET value = x'3132333436'")
    hand.close()
    with pytest.raises(FatalError, match=r"is damaged: .* does not have the bytes that were written"):
        async for _ in transport.latest("sources", 0):
            pass


async def test_a_log_of_an_earlier_form_is_told(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await (await opened(path)).close()
    with sqlite3.connect(path) as earlier:
        earlier.execute("PRAGMA user_version = 1")
    earlier.close()
    with pytest.raises(FatalError, match=r"earlier virtpulse \(form 1.*move it away"):
        await opened(path)


async def test_a_folder_is_no_log(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is a folder: name a file"):
        await opened(tmp_path)


async def test_a_folder_that_cannot_be_made_is_told(opened: Open) -> None:
    with pytest.raises(FatalError, match="look at the path and its permissions"):
        await opened(Path("/proc/virtpulse/log.db"))


async def test_a_read_only_file_is_told_at_the_start(opened: Open, folder: Path) -> None:
    path = folder / "log.db"
    await (await opened(path)).close()
    _permit(folder, 0o777)
    _permit(path, 0o444)
    with _without_privileges(), pytest.raises(FatalError, match="cannot be written: give this user write permission"):
        await opened(path)


async def test_a_read_only_folder_is_told_at_the_start(opened: Open, folder: Path) -> None:
    _permit(folder, 0o555)
    with _without_privileges(), pytest.raises(FatalError, match="cannot be opened: look at the permissions"):
        await opened(folder / "log.db")


async def test_a_full_disk_loses_nothing_that_was_acknowledged(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    command = [sys.executable, str(_FILLER), f"local:{path}", str(2 << 20)]
    child = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=30)
    number, kind, text = child.stdout.splitlines()
    assert kind == "RetryableError"
    assert "look at the disk, its quota and the file size limit" in text
    transport = await opened(path)
    assert int(number) > 50
    assert [int(value) for value in await _stored(transport, int(number))] == list(range(int(number)))
    assert await transport.ends(SAMPLES) == {0: int(number)}
    await transport.publish(_MESSAGE)


async def test_publishing_goes_on_once_there_is_space_again(opened: Open, tmp_path: Path) -> None:
    transport = await opened(tmp_path / "log.db")
    writer = transport._log.writer
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 20"))
    stored = 0
    full = None
    while full is None and stored < 1_000:
        try:
            await transport.publish(_MESSAGE)
            stored += 1
        except RetryableError as error:
            full = str(error)
    assert "the disk is full: free space" in str(full)
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 20000"))
    await transport.publish(_MESSAGE)
    assert await transport.ends(SAMPLES) == {0: stored + 1}


@pytest.mark.parametrize("name", ["log.db", "log.db-wal"])
async def test_a_log_that_was_removed_while_in_use_is_told(opened: Open, tmp_path: Path, name: str) -> None:
    transport = await opened(tmp_path / "log.db")
    await transport.publish(_MESSAGE)
    (tmp_path / name).unlink()
    with pytest.raises(FatalError, match="removed or replaced while in use: start again"):
        await transport.publish(_MESSAGE)


@pytest.mark.parametrize("call", ["utime", "stat"])
async def test_what_fails_beside_the_commit_never_hides_that_it_was_stored(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    transport = await opened(tmp_path / "log.db")
    subscription = await transport.subscribe("g", [SAMPLES])
    assert isinstance(await subscription.read(1, 5.0), Assigned)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os if call == "utime" else Path, call, full)
        stored = await _stored_or_not(subscription)
    assert stored is (call == "utime")
    assert await transport.ends(AGGREGATES) == {0: int(stored)}
    assert len(await transport.positions("g")) == int(stored)


async def _stored_or_not(subscription: Subscription) -> bool:
    try:
        await subscription.transfer([Outgoing(AGGREGATES, "k", b"v")], Progress(0, {SAMPLES: Position(0, 0)}))
    except RetryableError:
        return False
    return True


async def test_others_that_come_and_go_and_an_emptied_write_ahead_file_are_no_removal(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    transport = await opened(path)
    for _ in range(3):
        await transport.publish(_MESSAGE)
        other = await opened(path)
        await other.publish(_MESSAGE)
        await other.close()
        await transport._log.writer.run(lambda log: log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    await transport.publish(_MESSAGE)
    assert await transport.ends(SAMPLES) == {0: 7}


async def test_a_log_locked_for_too_long_is_tried_again(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    transport = await opened(path)
    await transport._log.writer.run(lambda connection: connection.execute("PRAGMA busy_timeout = 20"))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError, match="is locked by another process"):
            await transport.publish(_MESSAGE)
        other.execute("ROLLBACK")
    other.close()
    await transport.publish(_MESSAGE)
    assert await transport.ends(SAMPLES) == {0: 1}


async def test_many_may_create_the_log_at_once(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    transports = await asyncio.gather(*(opened(path) for _ in range(8)))
    await asyncio.gather(*(transport.publish(_MESSAGE * 3) for transport in transports))
    assert await transports[0].ends(SAMPLES) == {0: 24}


async def test_a_transport_that_could_not_start_can_start_later(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.mkdir()
    transport = LocalTransport(path, LocalSettings(), SystemClock())
    with pytest.raises(FatalError):
        await transport.start()
    with pytest.raises(FatalError, match="is not open"):
        await transport.publish(_MESSAGE)
    path.rmdir()
    await transport.start()
    await transport.publish(_MESSAGE)
    await transport.close()
