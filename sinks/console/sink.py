"""The console as a destination of aggregates and alerts."""

import os
import sys
from collections.abc import Mapping

from sinks.console.json_lines import JsonLines
from sinks.console.live import LiveView
from sinks.console.rendering import Rendering
from sinks.console.settings import ConsoleSettings, Format
from sinks.console.text_lines import TextLines
from sinks.documents import split
from virtpulse.clock import Clock
from virtpulse.errors import FatalError, RefusedError, UsageError
from virtpulse.topics import AGGREGATES
from virtpulse.transports.interface import Batch

_STDOUT = 1
_STDERR = 2


class ConsoleSink:
    """Shows aggregates and alerts on standard output: a live table, lines of text or JSON, as settings and output ask for.

    `stdout` and `stderr` are file descriptors. `write` raises OutputClosedError once the reader has left.
    """

    def __init__(self, settings: ConsoleSettings, clock: Clock, *, stdout: int = _STDOUT, stderr: int = _STDERR) -> None:
        self._settings = settings
        self._clock = clock
        self._stdout = stdout
        self._stderr = stderr
        self._rendering: Rendering | None = None

    async def start(self) -> None:
        """Choose how to show things and take the output over. Raises UsageError if there is no terminal for `live`."""
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed before must not come out in between
        self._rendering = self._choose()
        await self._rendering.start()

    async def write(self, batch: Batch) -> None:
        """Show the batch. Raises RefusedError for what is not of its topic's kind, FatalError once nobody can read the output."""
        if self._rendering is None:
            msg = "the console was not started"
            raise FatalError(msg)
        told = self._rendering.tell(batch) if batch.topic != AGGREGATES else _aggregates(self._rendering, batch)
        if reasons := await told:
            raise RefusedError(reasons)

    async def close(self) -> None:
        """Leave the output as it was found."""
        if self._rendering is not None:
            await self._rendering.close()
            self._rendering = None

    def _choose(self) -> Rendering:
        terminal = os.isatty(self._stdout)
        chosen = self._settings.format
        if chosen == "auto":
            chosen = shape(os.environ, terminal=terminal)
        if chosen == "json":
            return JsonLines(self._stdout)
        if chosen == "lines":
            return TextLines(self._stdout)
        if not terminal:
            msg = 'sinks.console.format = "live" needs a terminal, and standard output is none: set it to "lines" or "json"'
            raise UsageError(msg)
        return LiveView(self._settings, self._clock, self._stdout, self._stderr)


async def _aggregates(rendering: Rendering, batch: Batch) -> Mapping[int, str]:
    found = split(batch)
    refused = await rendering.show(found.lines)
    return found.refused | {found.indexes[index]: reason for index, reason in refused.items()}


def shape(environ: Mapping[str, str], *, terminal: bool) -> Format:
    """Return the format that suits the output: `json` for a pipe or a file, `lines` or `live` for a terminal."""
    if not terminal:
        return "json"
    return "lines" if environ.get("TERM", "dumb") in {"", "dumb", "unknown"} else "live"
