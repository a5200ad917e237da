"""`virtpulse publish`."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import InterruptedByUserError, connected, execute
from virtpulse.cli.lines import STDIN, line_reader
from virtpulse.cli.pacing import Pacing
from virtpulse.cli.parsing import Parse, Tally, parse_raw, parse_samples
from virtpulse.cli.sending import Sender
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import UsageError
from virtpulse.logs import get_logger
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters

app = App(name="publish", help="Send JSON lines.")

_log = get_logger(__name__)


@app.command
def samples(
    file: Annotated[Path, Parameter(allow_leading_hyphen=True)] = STDIN,
    /,
    *,
    raw: bool = False,
    speed: float | None = None,
    common: Common | None = None,
) -> int:
    """Send samples, one JSON document or array of documents a line.

    The good ones are sent; each bad one is reported with its line number and reason, and the command then exits with 1.

    **Examples**

    `virtpulse publish samples recording.jsonl`

    `virtpulse publish samples recording.jsonl --speed 10` plays a recording ten times as fast as it was taken

    `echo '{"source": "me", "time": 1795417080, "resources": {"cups.utilization": [3, 8]}}' | virtpulse publish samples`

    Args:
        file: Read the lines from this file; without it, or with -, from standard input.
        raw: Send each line as it is, without looking at it.
        speed: Send paced by event time: 1 as it was taken, 10 ten times as fast; without it at once.
        common: The options of every command.
    """
    if speed is not None and not 0 < speed < float("inf"):
        msg = f"--speed must be a number above 0, got {speed:g}"
        raise UsageError(msg)
    if speed is not None and raw:
        msg = "--speed cannot go with --raw, which does not look at times"
        raise UsageError(msg)
    configuration, tally = configured(common or Common()), Tally()
    try:
        execute(_send(configuration, file, parse_raw if raw else parse_samples, speed, tally))
    except InterruptedByUserError:
        if tally.sent or tally.refused:
            _log.warning("interrupted; this much was published", samples=tally.sent, refused=tally.refused)
        raise
    _log.info("published", samples=tally.sent, refused=tally.refused)
    return 1 if tally.refused else 0


async def _send(configuration: Configuration, file: Path, parse: Parse, speed: float | None, tally: Tally) -> None:
    clock = SystemClock()
    pacing = None if speed is None else Pacing(speed, clock)
    async with line_reader(file) as reader, connected(configuration) as transport:
        context = Context(transport, Counters("publish"), asyncio.Event(), clock)
        await Sender(context, parse, pacing, tally).send_all(reader)
