"""Aggregates as aligned lines of text, one for each metric: for logs, and for terminals that can't move their cursor."""

import time
from collections.abc import Mapping, Sequence

from sinks.aggregates import read_aggregate
from sinks.console.output import Output
from sinks.row import Row, extent, figure, metrics
from virtpulse.errors import InvalidError
from virtpulse.messages.aggregate import Aggregate
from virtpulse.printable import printable

_SOURCE_WIDTH = 16
_KEY_WIDTH = 44


class TextLines:
    """Writes for each metric of each window: its end (UTC), source, family, metric, figure, smallest and largest."""

    def __init__(self, fd: int) -> None:
        self._output = Output(fd)

    async def start(self) -> None:
        """There is nothing to prepare."""

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Write the documents as text."""
        refused: dict[int, str] = {}
        text: list[str] = []
        for index, document in enumerate(documents):
            try:
                text.extend(lines(read_aggregate(document)))
            except InvalidError as error:
                refused[index] = error.reason
        if text:
            await self._output.write("".join(line + "\n" for line in text).encode())
        return refused

    async def close(self) -> None:
        """Let the last write end."""
        await self._output.close()


def lines(aggregate: Aggregate) -> list[str]:
    """Return a line for each metric, aligned where the names are of usual length; plain text without colours."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(aggregate.end))
    found: list[str] = []
    for name, value in metrics(aggregate):
        row = Row(name)
        row.update(value, aggregate.start, aggregate.end, now=0.0)
        source = printable(name.source + (f" [{name.view}]" if name.view else ""))
        key = printable(name.key)
        line = f"{end}  {source:<{_SOURCE_WIDTH}}  {name.family.value}  {key:<{_KEY_WIDTH}}  {figure(row):>10}  {extent(row)}"
        found.append(line.rstrip())
    return found
