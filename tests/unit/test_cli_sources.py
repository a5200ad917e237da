"""`virtpulse sources list` with a reader that leaves."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from virtpulse.cli import sources
from virtpulse.config.load import Origin, load
from virtpulse.topics import SOURCES
from virtpulse.transports.interface import Batch


class OneSource:
    """A transport that holds one source."""

    def __init__(self) -> None:
        self.closed = False

    async def ends(self, _topic: str) -> Mapping[int, int]:
        """Return the end of the only partition."""
        return {0: 1}

    async def latest(self, _topic: str, _partition: int) -> AsyncGenerator[Batch, None]:
        """Yield the source."""
        try:
            yield Batch(SOURCES, 0, [0], [0.0], ["web-1"], [b"{}"])
        finally:
            self.closed = True


async def test_what_is_read_is_closed_when_the_reader_of_the_output_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = OneSource()

    @asynccontextmanager
    async def connected(_configuration: Any) -> AsyncIterator[OneSource]:  # noqa: ANN401 - it is not looked at
        yield transport

    def gone(_lines: Iterable[str | bytes]) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(sources, "connected", connected)
    monkeypatch.setattr(sources, "put_lines", gone)
    with pytest.raises(BrokenPipeError):
        await sources._list(load(Origin(), {}, {}), as_json=True)
    assert transport.closed
