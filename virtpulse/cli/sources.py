"""`virtpulse sources`."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from cyclopts import App

from virtpulse.cli import pretty
from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.printing import fitted, prints_json, put_lines
from virtpulse.config.load import Configuration
from virtpulse.logs import get_logger
from virtpulse.runtime.closing import closing_generator
from virtpulse.topics import SOURCES
from virtpulse.transports.interface import Batch, Message

app = App(name="sources", help="Look at the inventory.")

_HEADING: Final = "last noted           source"
_log = get_logger(__name__)


@app.command(name="list")
def list_sources(
    *,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """List every source and view that was seen, and how it ended if it did.

    **Example**

    `virtpulse sources list --json | jq -r .source`

    Args:
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    execute(_list(configured(common or Common()), as_json=prints_json(asked=json)))


async def _list(configuration: Configuration, *, as_json: bool) -> None:
    async with connected(configuration) as transport:
        if not as_json:
            put_lines([_HEADING])
        found = 0
        for partition in sorted(await transport.ends(SOURCES)):
            async with closing_generator(transport.latest(SOURCES, partition), f"latest of {SOURCES}") as batches:
                found += await _list_partition(batches, as_json=as_json)
        if not found:
            _log.info("no source was seen yet")


async def _list_partition(batches: AsyncIterator[Batch], *, as_json: bool) -> int:
    """Print the sources and return how many they are."""
    found = 0
    async for batch in batches:
        put_lines(line for message in batch if (line := _line(message, as_json=as_json)))
        found += len(batch)
    return found


def _line(message: Message, *, as_json: bool) -> str | bytes:
    if as_json or not message.value:
        return message.value
    try:
        document = msgspec.json.decode(message.value, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("not shown: message is not JSON", topic=message.topic, position=message.position, reason=str(error))
        return ""
    return fitted(pretty.source_line(document))
