"""Files of JSON lines: rotation, crashes, full disks."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.jsonl.role import ROLE
from sinks.jsonl.rotation import RotatingFiles
from sinks.jsonl.settings import JsonlSettings
from sinks.jsonl.sink import JsonlSink
from virtpulse.clock import SystemClock
from virtpulse.errors import FatalError, RefusedError, RetryableError, UsageError
from virtpulse.transports.interface import Batch
from virtpulse.units import Duration, Size

# A program that writes numbered lines as fast as it can and says on standard output up to which; `limit` bounds a file's size.
WRITER = """
import asyncio, resource, sys
from sinks.jsonl.settings import JsonlSettings
from sinks.jsonl.sink import JsonlSink
from virtpulse.clock import SystemClock
from virtpulse.units import Size
from virtpulse.errors import VirtpulseError
from virtpulse.transports.interface import Batch

folder, limit, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

async def main():
    sink = JsonlSink(JsonlSettings(path=folder + "/{topic}-{time}.jsonl", max_bytes=Size(200_000), keep=0), SystemClock())
    await sink.start()
    for number in range(0, count, 10):
        values = [b'{"number":%d,"filler":"%s"}' % (number + i, b"x" * 500) for i in range(10)]
        await sink.write(Batch("aggregates", 0, range(10), [0.0] * 10, ["k"] * 10, values))
        print(number + 9, flush=True)
    await sink.close()

try:
    asyncio.run(main())
except VirtpulseError as error:
    print(type(error).__name__, error, flush=True)
"""


class Hand:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def batch(*values: bytes, topic: str = "aggregates") -> Batch:
    count = len(values)
    return Batch(topic, 0, range(count), [0.0] * count, ["web-1"] * count, values)


def configured(folder: Path, *, size: int = 1000, age: float = 3600, keep: int = 0) -> JsonlSettings:
    return JsonlSettings(path=f"{folder}/{{topic}}-{{time}}.jsonl", max_bytes=Size(size), max_age=Duration(age), keep=keep)


def stored(folder: Path) -> list[list[bytes]]:
    return [path.read_bytes().splitlines(keepends=True) for path in sorted(folder.iterdir())]


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


async def test_documents_are_stored_byte_for_byte_a_line_each(tmp_path: Path) -> None:
    sink = JsonlSink(configured(tmp_path), Hand())
    await sink.start()
    await sink.write(batch(b'{"a":1.50}', b'[{"b":2},\n {"c":\n3}]', b""))
    await sink.close()
    assert stored(tmp_path) == [[b'{"a":1.50}\n', b'{"b":2}\n', b'{"c": 3}\n']]


async def test_what_is_no_json_is_refused_and_the_rest_is_stored(tmp_path: Path) -> None:
    sink = JsonlSink(configured(tmp_path), Hand())
    await sink.start()
    with pytest.raises(RefusedError) as refused:
        await sink.write(batch(b"{", b'{"a":1}'))
    await sink.close()
    assert set(refused.value.reasons) == {0}
    assert stored(tmp_path) == [[b'{"a":1}\n']]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(min_value=0, max_value=80), max_size=8), max_size=8), st.integers(min_value=20, max_value=200)
)
def test_no_file_is_larger_than_its_bound_and_no_line_is_lost(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], size: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    clock = Hand()
    expected: list[bytes] = []
    for lengths in batches:
        files = RotatingFiles(configured(folder, size=size), "aggregates", clock)  # a restart before each batch
        files.open()
        lines = [b'"%0*d"' % (length, len(expected) + i) for i, length in enumerate(lengths)]
        files.append(lines)
        files.close()
        expected.extend(lines)
        clock.now += 1
    kept = stored(folder)
    assert [line for file in kept for line in file] == [line + b"\n" for line in expected]
    assert all(len(file) <= 1 or sum(map(len, file)) <= size for file in kept)


async def test_an_old_file_is_followed_by_a_new_one(tmp_path: Path) -> None:
    clock = Hand()
    sink = JsonlSink(configured(tmp_path, age=60), clock)
    await sink.start()
    for moment in (0, 59, 1, 61):
        clock.now += moment
        await sink.write(batch(b"%d" % moment))
    await sink.close()
    assert stored(tmp_path) == [[b"0\n", b"59\n"], [b"1\n"], [b"61\n"]]


async def test_only_so_many_files_are_kept_the_newest(tmp_path: Path) -> None:
    other = tmp_path / "notes.jsonl"
    other.write_text("mine")
    sink = JsonlSink(configured(tmp_path, size=10, keep=3), Hand())
    await sink.start()
    for number in range(10):
        await sink.write(batch(b'"%07d"' % number))
    await sink.close()
    assert other.read_text() == "mine"
    other.unlink()
    assert stored(tmp_path) == [[b'"%07d"\n' % number] for number in (7, 8, 9)]


async def test_a_clock_that_was_set_back_does_not_disturb_the_order_of_names(tmp_path: Path) -> None:
    clock = Hand()
    sink = JsonlSink(configured(tmp_path, size=5), clock)
    await sink.start()
    for number in range(5):
        await sink.write(batch(b"1%03d" % number))
        clock.now -= 100
    await sink.close()
    assert stored(tmp_path) == [[b"1%03d\n" % number] for number in range(5)]


@pytest.mark.parametrize("torn", [b'{"torn":', b"", b"x" * 200_000])
async def test_a_torn_last_line_is_cut_and_the_file_goes_on(tmp_path: Path, torn: bytes) -> None:
    first = JsonlSink(configured(tmp_path, size=1 << 20), Hand())
    await first.start()
    await first.write(batch(b"1"))
    await first.close()
    path = only_file(tmp_path)
    with path.open("ab") as file:
        file.write(torn)
    second = JsonlSink(configured(tmp_path, size=1 << 20), Hand())
    await second.start()
    await second.write(batch(b"2"))
    await second.close()
    assert stored(tmp_path) == [[b"1\n", b"2\n"]]


async def test_two_processes_never_write_the_same_file(tmp_path: Path) -> None:
    one, other = JsonlSink(configured(tmp_path), Hand()), JsonlSink(configured(tmp_path), Hand())
    await one.start()
    await other.start()
    await one.write(batch(b"1"))
    await other.write(batch(b"2"))
    await one.close()
    await other.close()
    assert stored(tmp_path) == [[b"1\n"], [b"2\n"]]


async def test_a_folder_that_cannot_be_made_is_fatal_and_says_which_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = JsonlSink(configured(tmp_path / "file" / "below"), Hand())
    with pytest.raises(FatalError, match=r"sinks\.jsonl\.path"):
        await sink.start()
    await sink.close()


def test_a_full_disk_is_retryable_and_leaves_whole_lines_that_were_acknowledged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), "52000", "1000"], check=False, capture_output=True, text=True, timeout=30
    )
    *acknowledged, error = done.stdout.splitlines()
    assert error.startswith("RetryableError no room for JSON lines")
    numbers = [json.loads(line)["number"] for file in stored(tmp_path) for line in file]
    assert numbers == list(range(int(acknowledged[-1]) + 1))


@pytest.mark.parametrize("lines", [30, 170, 410])
def test_a_kill_in_the_middle_loses_nothing_acknowledged_and_the_next_start_leaves_whole_lines(
    tmp_path: Path, lines: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), "0", "1000000"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        acknowledged = -1
        while acknowledged < lines:
            acknowledged = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    files = RotatingFiles(configured(tmp_path, size=200_000), "aggregates", SystemClock())
    files.open()
    files.close()
    numbers = [json.loads(line)["number"] for file in stored(tmp_path) for line in file]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > acknowledged


@pytest.mark.parametrize("path", ["data/{topic}.jsonl", "{time}/x.jsonl", "a-{time}-{host}.jsonl", "{time}-{time}"])
def test_a_path_that_cannot_name_the_files_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"sinks\.jsonl\.path"):
        JsonlSink(JsonlSettings(path=path), Hand())


def test_several_topics_need_names_that_tell_them_apart() -> None:
    with pytest.raises(UsageError, match="topic"):
        JsonlSink(JsonlSettings(path="{time}.jsonl", topics=("aggregates", "late")), Hand())


async def test_a_batch_of_another_topic_is_a_fatal_error(tmp_path: Path) -> None:
    sink = JsonlSink(configured(tmp_path), Hand())
    await sink.start()
    with pytest.raises(FatalError, match="late"):
        await sink.write(batch(b"1", topic="late"))
    await sink.close()


async def test_after_an_error_the_same_call_stores_the_lines_once(tmp_path: Path) -> None:
    sink = JsonlSink(configured(tmp_path), Hand())
    await sink.start()
    await sink.write(batch(b"1"))
    path = only_file(tmp_path)
    file = sink._files["aggregates"]._file
    assert file is not None
    real = file._fd
    file._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(RetryableError, match="No space left"):
        await sink.write(batch(b"2"))
    os.close(real)
    await sink.write(batch(b"2"))
    await sink.close()
    assert path.read_bytes() == b"1\n2\n"


def test_positions_are_kept_under_the_name_jsonl() -> None:
    assert ROLE.spec(JsonlSettings()).group == "jsonl"
