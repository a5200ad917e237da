"""Lines of any input come whole, numbered, and take no more memory than they may."""

import asyncio
import os
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtpulse.cli.lines import Line, LineReader, line_reader
from virtpulse.errors import UsageError
from virtpulse.transports.interface import MAX_MESSAGE_BYTES


class Blocks(FileIO):
    """A stream that gives the blocks it was made of, one at each read; None stands for a moment without data."""

    def __init__(self, blocks: list[bytes]) -> None:
        super().__init__(os.devnull)
        self._blocks = iter(blocks)

    def read(self, _size: int | None = None, /) -> bytes:
        """Return the next block."""
        return next(self._blocks, b"")


async def read_all(reader: LineReader) -> list[Line]:
    found: list[Line] = []
    while (lines := await reader.read()) is not None:
        found += lines
    return found


def blocks_of(blocks: list[bytes]) -> list[Line]:
    async def read() -> list[Line]:
        with Blocks(blocks) as stream:
            return await read_all(LineReader(stream))

    return asyncio.run(read())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=12).map(lambda block: block.replace(b"x", b"\n")), max_size=6))
def test_how_the_input_is_cut_into_blocks_does_not_show(blocks: list[bytes]) -> None:
    whole = [line.strip() for line in b"".join(blocks).split(b"\n")]
    expected = [Line(number, line) for number, line in enumerate(whole, 1) if line]
    assert blocks_of(blocks) == expected


def test_blank_lines_are_counted_and_left_out() -> None:
    assert blocks_of([b"a\n\n  \r\nb\r\n"]) == [Line(1, b"a"), Line(4, b"b")]


def test_of_a_line_without_end_only_the_bound_is_kept() -> None:
    lines = blocks_of([b"a" * (MAX_MESSAGE_BYTES + 1), *[b"b" * 100_000] * 50, b"b\nnext\n"])
    assert [(line.number, len(line.content)) for line in lines] == [(1, MAX_MESSAGE_BYTES + 1), (2, 4)]


async def test_lines_of_a_pipe_come_as_soon_as_they_are_there(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    async with line_reader(pipe) as reader:
        os.write(writing, b"one\ntw")
        assert await reader.read() == [Line(1, b"one")]
        os.write(writing, b"o\n")
        assert await reader.read() == [Line(2, b"two")]
    os.close(writing)


@pytest.mark.parametrize("name", ["none.jsonl", "."])
async def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        async with line_reader(tmp_path / name):
            pass
