"""The console on pipes: JSON and text, readers that stall or go."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from sinks.aggregates import read_aggregate
from sinks.console.role import ROLE
from sinks.console.settings import ConsoleSettings
from sinks.console.sink import ConsoleSink, shape
from virtpulse.clock import SystemClock
from virtpulse.errors import FatalError, RefusedError, UsageError
from virtpulse.messages.bounds import MAX_WINDOW_METRICS
from virtpulse.transports.interface import Batch

DOCUMENT = (
    b'{"source":"web-1","start":1795000000,"end":1795000010.0,"samples":10,"late":0,"repeated":0,"new_field":1.50,'
    b'"resources":{"system.cpu.utilization":{"part":1,"whole":4,"ratio":25.0,"min":20.0,"max":30.0,"last":25.0,"count":10}},'
    b'"timings":{"system.disk.operation_time@vda.read":'
    b'{"seconds":0.1,"operations":100,"mean":0.001,"min":0.001,"max":0.002,"last":0.001,"count":10}}}'
)


def batch(*values: bytes) -> Batch:
    count = len(values)
    return Batch("aggregates", 0, range(count), [1_795_000_010.0] * count, ["web-1"] * count, values)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:  # a test closed it to play a reader that goes
            continue


async def shown(pipe: tuple[int, int], settings: ConsoleSettings, values: Sequence[bytes]) -> bytes:
    sink = ConsoleSink(settings, SystemClock(), stdout=pipe[1])
    await sink.start()
    try:
        await sink.write(batch(*values))
    finally:
        await sink.close()
    return os.read(pipe[0], 1 << 20)


async def test_a_pipe_gets_json_byte_for_byte_a_document_a_line(pipe: tuple[int, int]) -> None:
    array = b"[" + DOCUMENT + b" ,\n" + DOCUMENT + b"]"
    assert await shown(pipe, ConsoleSettings(), [DOCUMENT, array]) == (DOCUMENT + b"\n") * 3


async def test_a_document_on_several_lines_becomes_one_line(pipe: tuple[int, int]) -> None:
    found = await shown(pipe, ConsoleSettings(), [json.dumps(json.loads(DOCUMENT), indent=2).encode()])
    assert found.count(b"\n") == 1
    assert json.loads(found) == json.loads(DOCUMENT)


async def test_what_is_no_json_is_refused_and_the_rest_is_shown(pipe: tuple[int, int]) -> None:
    with pytest.raises(RefusedError) as refused:
        await shown(pipe, ConsoleSettings(), [b"nonsense", DOCUMENT, b"", b"[1,", b'{"a":"\xff"}'])
    assert set(refused.value.reasons) == {0, 3, 4}
    assert os.read(pipe[0], 1 << 20) == DOCUMENT + b"\n"


@pytest.mark.parametrize(
    "wrong",
    [
        b"1",
        DOCUMENT.replace(b"1795000000", b"1e300"),
        DOCUMENT.replace(b"1795000000", b"1795000010"),
        DOCUMENT.replace(b"web-1", b"w" * 256),
        DOCUMENT.replace(b"25.0,", b'"much",'),
        DOCUMENT.replace(b"system.cpu.utilization", b"m" * 201),
    ],
)
async def test_lines_refuse_what_is_no_aggregate_and_show_the_rest(pipe: tuple[int, int], wrong: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        await shown(pipe, ConsoleSettings(format="lines"), [wrong, DOCUMENT])
    assert set(refused.value.reasons) == {0}
    assert os.read(pipe[0], 1 << 20).count(b"\n") == 2


async def test_lines_are_aligned_plain_text(pipe: tuple[int, int]) -> None:
    hostile = DOCUMENT.replace(b"web-1", b"a\\u001b[31m\\n")
    first, second, third, fourth = (await shown(pipe, ConsoleSettings(format="lines"), [DOCUMENT, hostile])).decode().splitlines()
    assert first.split() == ["2026-11-18T11:06:50Z", "web-1", "R", "system.cpu.utilization", "25.0", "%", "20.0–30.0"]  # noqa: RUF001 the sign that the table shows
    assert second.split()[2:] == ["T", "system.disk.operation_time@vda.read", "1", "ms", "1", "ms–2", "ms"]  # noqa: RUF001 the sign that the table shows
    assert first.index("R  ") == second.index("T  ")
    assert r"a\x1b[31m\n" in third
    assert all(line.isprintable() for line in (first, second, third, fourth))


def test_the_widest_aggregate_that_the_windows_make_is_read() -> None:
    ratio = {"part": 1, "whole": 2, "ratio": 50, "min": 50, "max": 50, "last": 50, "count": 1}
    resources = {f"m.n{number}": ratio for number in range(MAX_WINDOW_METRICS)}
    document = {"source": "a", "start": 0, "end": 10, "samples": 2, "late": 0, "repeated": 0, "resources": resources}
    assert len(read_aggregate(json.dumps(document).encode()).resources) == MAX_WINDOW_METRICS


async def test_a_reader_that_has_gone_is_a_fatal_error_caused_by_the_broken_pipe(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    sink = ConsoleSink(ConsoleSettings(), SystemClock(), stdout=pipe[1])
    await sink.start()
    with pytest.raises(FatalError, match="closed by its reader") as failed:
        await sink.write(batch(DOCUMENT))
    assert isinstance(failed.value.__cause__, BrokenPipeError)
    await sink.close()


async def test_a_reader_that_stalls_holds_up_the_writer_but_not_the_loop_nor_its_cancellation(pipe: tuple[int, int]) -> None:
    sink = ConsoleSink(ConsoleSettings(), SystemClock(), stdout=pipe[1])
    await sink.start()
    big = batch(*[DOCUMENT] * 1000)
    writing = asyncio.create_task(sink.write(big))
    done, _ = await asyncio.wait([writing], timeout=0.1)
    assert not done
    writing.cancel()
    await asyncio.wait([writing], timeout=5)
    assert writing.cancelled()
    again = asyncio.create_task(sink.write(batch(DOCUMENT)))
    found = b""
    while found.count(b"\n") < 1001:
        found += await asyncio.to_thread(os.read, pipe[0], 1 << 20)
    await asyncio.wait_for(again, 5)
    await sink.close()
    assert found == (DOCUMENT + b"\n") * 1001


async def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    sink = ConsoleSink(ConsoleSettings(), SystemClock(), stdout=pipe[1])
    await sink.start()
    writing = asyncio.create_task(sink.write(batch(*[DOCUMENT] * 1000)))
    size = 0
    while size < 1000 * (len(DOCUMENT) + 1):
        size += len(await asyncio.to_thread(os.read, pipe[0], 1 << 20))
    await asyncio.wait_for(writing, 5)
    await sink.close()


async def test_a_live_table_needs_a_terminal(pipe: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="needs a terminal"):
        await ConsoleSink(ConsoleSettings(format="live"), SystemClock(), stdout=pipe[1]).start()


def test_the_format_follows_the_output() -> None:
    assert shape({"TERM": "xterm"}, terminal=False) == "json"
    assert shape({"TERM": "xterm"}, terminal=True) == "live"
    assert shape({"TERM": "dumb"}, terminal=True) == "lines"
    assert shape({}, terminal=True) == "lines"


def test_the_console_keeps_no_positions() -> None:
    assert ROLE.spec(ConsoleSettings()).group is None


def test_importing_the_sink_does_not_import_rich() -> None:
    code = "import sys, sinks.console.sink, sinks.jsonl.sink; sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
