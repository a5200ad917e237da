"""Filesystems are asked without waiting for one that hangs."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from producers.host.guard import Notices
from producers.host.mounts import Mounts

ANSWER = os.statvfs("/")
HANGS = "/mnt/dead"


class Server:
    """Answers statvfs; the mount /mnt/dead only once `back` is set."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked: list[str] = []

    def statvfs(self, mount: str) -> os.statvfs_result:
        """Answer, refuse, or hang."""
        self.asked.append(mount)
        if mount.startswith(HANGS):
            assert self.back.wait(30)
        if mount == "/secret":
            raise PermissionError(13, "Permission denied", mount)
        return ANSWER


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.back.set()
    join_statvfs_threads()


def join_statvfs_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "statvfs":
            thread.join(10)
            assert not thread.is_alive()


def mounts_of(ask: Callable[[str], os.statvfs_result]) -> Mounts:
    return Mounts(Notices(), ask, limit=0.2)


async def test_all_mounts_that_answer_are_there(server: Server) -> None:
    assert await mounts_of(server.statvfs).ask(["/", "/home"]) == {"/": ANSWER, "/home": ANSWER}


async def test_no_mounts_give_no_answers(server: Server) -> None:
    assert await mounts_of(server.statvfs).ask([]) == {}


async def test_a_mount_that_hangs_is_left_out_and_those_behind_it_are_there(server: Server) -> None:
    assert set(await mounts_of(server.statvfs).ask(["/", HANGS, "/home", "/srv"])) == {"/", "/home", "/srv"}


async def test_many_dead_mounts_cost_no_more_than_two_limits(server: Server) -> None:
    dead = [f"{HANGS}/{number}" for number in range(20)]
    mounts = mounts_of(server.statvfs)
    assert set(await mounts.ask([*dead, "/"])) == {"/"}
    assert len(server.asked) == 21


async def test_a_mount_that_hangs_is_asked_again_only_once_its_thread_has_returned(server: Server) -> None:
    mounts = mounts_of(server.statvfs)
    for _ in range(3):
        assert set(await mounts.ask([HANGS, "/"])) == {"/"}
    assert server.asked.count(HANGS) == 1
    server.back.set()
    join_statvfs_threads()
    assert set(await mounts.ask([HANGS, "/"])) == {HANGS, "/"}
    assert server.asked.count(HANGS) == 2


async def test_a_mount_that_hangs_or_refuses_is_said_once(server: Server) -> None:
    mounts = mounts_of(server.statvfs)
    with capture_logs() as logs:
        for _ in range(3):
            assert set(await mounts.ask(["/secret", HANGS, "/"])) == {"/"}
    assert sorted(log["what"] for log in logs) == [f"filesystem {HANGS}", "filesystem /secret"]
    assert "PermissionError" in next(log["reason"] for log in logs if log["what"] == "filesystem /secret")
