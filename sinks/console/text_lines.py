"""Aggregates and alerts as lines of text: for logs, and for terminals that can't move their cursor."""

import time
from collections.abc import Mapping, Sequence

from sinks.aggregates import read_aggregate
from sinks.console.output import Output
from sinks.row import Row, extent, figure, metrics
from virtpulse.errors import InvalidError
from virtpulse.messages.aggregate import Aggregate
from virtpulse.messages.alert import Alert
from virtpulse.messages.alert_reading import read_alert
from virtpulse.messages.moments import from_rfc3339
from virtpulse.printable import printable
from virtpulse.topics import ALERTS
from virtpulse.transports.interface import Batch

_SOURCE_WIDTH = 16
_KEY_WIDTH = 44
_LONGEST_TEXT = 500


class TextLines:
    """Writes a line for each metric of each window, and one for each change of an alert."""

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
        await self._write(text)
        return refused

    async def tell(self, batch: Batch) -> Mapping[int, str]:
        """Write what changed; what was so before is no line."""
        refused: dict[int, str] = {}
        text: list[str] = []
        for index, message in enumerate(batch if batch.topic == ALERTS else ()):
            try:
                text.append(change(read_alert(message)))
            except InvalidError as error:
                refused[index] = error.reason
        await self._write(text)
        return refused

    async def close(self) -> None:
        """Let the last write end."""
        await self._output.close()

    async def _write(self, text: Sequence[str]) -> None:
        if text:
            await self._output.write("".join(line + "\n" for line in text).encode())


def change(alert: Alert) -> str:
    """Return when an alert began to fire or was resolved (UTC), and what it says of itself."""
    moment = from_rfc3339(alert.starts_at if alert.status == "firing" else alert.ends_at)
    return f"{_moment(moment)}  {printable(alert.text[:_LONGEST_TEXT])}"


def lines(aggregate: Aggregate) -> list[str]:
    """Return for each metric the window's end (UTC), source, family, metric, figure, smallest and largest.

    They are aligned where the names are of usual length; plain text without colours.
    """
    end = _moment(aggregate.end)
    found: list[str] = []
    for name, value in metrics(aggregate):
        row = Row(name)
        row.update(value, aggregate.start, aggregate.end, now=0.0)
        source = printable(name.source + (f" [{name.view}]" if name.view else ""))
        key = printable(name.key)
        line = f"{end}  {source:<{_SOURCE_WIDTH}}  {name.family.value}  {key:<{_KEY_WIDTH}}  {figure(row):>10}  {extent(row)}"
        found.append(line.rstrip())
    return found


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
