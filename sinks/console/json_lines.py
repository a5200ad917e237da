"""Aggregates as JSON, one document a line, for whatever reads the pipe."""

from collections.abc import Mapping, Sequence

from sinks.console.output import Output


class JsonLines:
    """Passes the documents on byte for byte, and flushes after each batch."""

    def __init__(self, fd: int) -> None:
        self._output = Output(fd)

    async def start(self) -> None:
        """There is nothing to prepare."""

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Write the documents; every one can be shown."""
        if documents:
            await self._output.write(b"\n".join(documents) + b"\n")
        return {}

    async def close(self) -> None:
        """Let the last write end."""
        await self._output.close()
