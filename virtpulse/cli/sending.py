"""Sending what lines became, in batches: full ones while lines come fast, at once what there is while they don't."""

import asyncio
import sys
from collections.abc import Iterable
from functools import partial
from typing import Final

from virtpulse.cli.lines import Line, LineReader
from virtpulse.cli.pacing import Pacing
from virtpulse.cli.parsing import Parse, Ready, Tally
from virtpulse.errors import InvalidError, RefusedError
from virtpulse.runtime.context import Context

BATCH: Final = 500
BATCH_BYTES: Final = 4 << 20  # or 500 of the largest messages would take half a gigabyte

_LINGER: Final = 0.05  # seconds that a batch waits for more lines
_SHOW_EVERY: Final = 0.2  # seconds


class Sender:
    """Publishes messages in their order and counts them in `tally`; `pacing` holds them back, None sends at once."""

    def __init__(self, context: Context, parse: Parse, pacing: Pacing | None, tally: Tally) -> None:
        self._tally = tally
        self._context = context
        self._parse = parse
        self._pacing = pacing
        self._waiting: list[Ready] = []
        self._waiting_bytes = 0
        self._shown: float | None = None

    async def send_all(self, reader: LineReader) -> None:
        """Send every line of `reader`. Raises FatalError."""
        while True:
            reading = asyncio.ensure_future(reader.read())
            try:
                await asyncio.wait((reading,), timeout=_LINGER)
                if not reading.done():
                    await self._flush()
                lines = await reading
            finally:
                reading.cancel()
            if lines is None:
                break
            await self._take(lines)
            self._show_progress()
        await self._flush()
        self._end_progress()

    async def _take(self, lines: Iterable[Line]) -> None:
        for line in lines:
            for ready in self._parse(line, self._tally):
                await self._hold_back(ready)
                self._waiting.append(ready)
                self._waiting_bytes += len(ready.message.value)
                if len(self._waiting) >= BATCH or self._waiting_bytes >= BATCH_BYTES:
                    await self._flush()

    async def _hold_back(self, ready: Ready) -> None:
        wait = 0.0 if self._pacing is None else self._pacing.wait(ready.time)
        if wait > 0:
            await self._flush()
            await self._context.clock.sleep(wait)

    async def _flush(self) -> None:
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if not batch:
            return
        refused: dict[int, str] = {}
        try:
            await self._context.retrying(partial(self._context.transport.publish, [ready.message for ready in batch]))
        except RefusedError as error:
            refused = error.reasons
        for index, ready in enumerate(batch):
            if index in refused:
                self._tally.refuse(ready.line, InvalidError("message", refused[index]))
            else:
                self._tally.sent += ready.documents

    def _show_progress(self) -> None:
        now = self._context.clock.monotonic()
        if sys.stderr.isatty() and (self._shown is None or now - self._shown >= _SHOW_EVERY):
            self._shown = now
            sys.stderr.write(f"\r{self._tally.sent:,} sent, {self._tally.refused:,} refused ")
            sys.stderr.flush()

    def _end_progress(self) -> None:
        if self._shown is not None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
