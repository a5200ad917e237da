"""Waking readers."""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from virtpulse.clock import SystemClock
from virtpulse.errors import FatalError
from virtpulse.transports.local import notifier as notifier_module
from virtpulse.transports.local.notifier import Notifier

Ready = Callable[[], Notifier]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "log.db"
    file.touch()
    return file


@pytest.fixture(params=["inotify", "without inotify"])
async def ready(path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ready]:
    if request.param != "inotify":

        def missing(path: Path) -> int:
            msg = f"nothing can watch {path}"
            raise OSError(msg)

        monkeypatch.setattr(notifier_module, "_watch", missing)
    monkeypatch.setattr(notifier_module, "_SAFETY_SECONDS", 30.0)
    monkeypatch.setattr(notifier_module, "_POLL_SECONDS", 30.0)
    notifiers: list[Notifier] = []

    def make() -> Notifier:
        notifier = Notifier(path, SystemClock())
        notifier.bind()
        notifier.listen()
        notifier.listen()
        notifiers.append(notifier)
        return notifier

    yield make
    for notifier in notifiers:
        notifier.close()


async def _within(seconds: float, waiting: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await waiting


async def test_a_notification_wakes_every_reader(ready: Ready) -> None:
    one, two = ready(), ready()
    waiting = [asyncio.create_task(notifier.changed(notifier.count, 30.0)) for notifier in (one, one, two)]
    await asyncio.sleep(0)
    await asyncio.to_thread(one.notify)
    await _within(5, _all(waiting))


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        await task


async def test_a_notification_between_a_look_and_the_wait_is_not_missed(ready: Ready) -> None:
    notifier = ready()
    seen = notifier.count
    await asyncio.to_thread(notifier.notify)
    await _within(5, notifier.changed(seen, 30.0))
    assert notifier.count > seen


async def test_closing_wakes_who_waits(ready: Ready) -> None:
    notifier = ready()
    waiting = asyncio.create_task(notifier.changed(notifier.count, 30.0))
    await asyncio.sleep(0)
    notifier.close()
    await _within(5, waiting)


async def test_a_wait_ends_with_its_time(ready: Ready) -> None:
    notifier = ready()
    await _within(5, notifier.changed(notifier.count, 0.01))
    await _within(5, notifier.changed(notifier.count, 0.0))


@pytest.mark.parametrize("end", ["cancelled", "woken", "timed out"])
async def test_a_wait_that_is_over_leaves_nothing_behind(ready: Ready, end: str) -> None:
    notifier = ready()
    waiting = asyncio.create_task(_left_by_a_wait(notifier, 0.01 if end == "timed out" else 30.0))
    await asyncio.sleep(0)
    if end == "cancelled":
        waiting.cancel()
    if end == "woken":
        notifier.wake()
    assert await waiting == asyncio.all_tasks()
    assert not notifier._waiters


async def _left_by_a_wait(notifier: Notifier, seconds: float) -> set["asyncio.Task[object]"]:
    with suppress(asyncio.CancelledError):
        await notifier.changed(notifier.count, seconds)
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_a_file_that_was_replaced_is_told(ready: Ready, path: Path) -> None:
    notifier = ready()
    other = path.with_name("other")
    await asyncio.to_thread(other.touch)
    await asyncio.to_thread(other.replace, path)
    with pytest.raises(FatalError, match="replaced while in use"):
        notifier.check()


async def test_a_file_that_cannot_be_touched_stops_nobody_and_is_said_once(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    notifier = ready()
    monkeypatch.setattr(os, "utime", full)
    with capture_logs() as lines:
        notifier.notify()
        notifier.notify()
    assert [line["error"] for line in lines] == ["No space left on device"]


async def test_another_process_wakes_a_reader(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "_SAFETY_SECONDS", 30.0)
    notifier = Notifier(path, SystemClock())
    notifier.bind()
    notifier.listen()
    seen = notifier.count
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import os; os.utime({str(path)!r})")
    await _within(20, notifier.changed(seen, 30.0))
    assert notifier.count > seen
    await child.wait()
    notifier.close()
