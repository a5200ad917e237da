"""Aggregates as JSON, one document a line, for whatever reads the pipe."""

import os
from collections.abc import Mapping, Sequence

from sinks.console.output import Output
from virtpulse.printable import printable_json
from virtpulse.transports.interface import Batch


class JsonLines:
    """Passes the documents on, and flushes after each batch: byte for byte, to a terminal with nothing that it could obey."""

    def __init__(self, fd: int) -> None:
        self._output = Output(fd)
        self._terminal = os.isatty(fd)

    async def start(self) -> None:
        """There is nothing to prepare."""

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Write the documents; every one can be shown."""
        if documents:
            shown = map(printable_json, documents) if self._terminal else documents
            await self._output.write(b"\n".join(shown) + b"\n")
        return {}

    async def tell(self, batch: Batch) -> Mapping[int, str]:  # noqa: ARG002 what a rendering takes
        """Leave alerts out: whoever reads the pipe takes every line for an aggregate."""
        return {}

    async def close(self) -> None:
        """Let the last write end."""
        await self._output.close()
