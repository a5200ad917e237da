"""`virtpulse sources`."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from virtpulse.cli import pretty
from virtpulse.cli.common import Common, configured
from virtpulse.cli.ending import Meant, ending_samples, meant, read_source
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.printing import fitted, prints_json, put_lines
from virtpulse.cli.records import alert_states, standing
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import UsageError
from virtpulse.logs import get_logger
from virtpulse.messages.codec import encode
from virtpulse.messages.sample import Ended, Sample
from virtpulse.printable import printable
from virtpulse.runtime.closing import closing_generator
from virtpulse.runtime.outgoing import sample_messages
from virtpulse.topics import SOURCES
from virtpulse.transports.interface import Batch, Message, Transport

app = App(name="sources", help="Look at the inventory, and take sources out of service.")

_HEADING: Final = "last noted           source"
_SILENCE_RULES: Final = ("HostSilent", "VmSilent")
_STEP: Final = 100  # messages that are published at once
_log = get_logger(__name__)


@dataclass(slots=True)
class _Summary:
    """What was listed: the sources, and those of which a view goes on."""

    silent: Collection[str]
    names: set[str] = field(default_factory=set)
    going_on: set[str] = field(default_factory=set)

    def note(self, document: dict[str, Any]) -> None:
        name = str(document.get("source"))
        self.names.add(name)
        if not document.get("ended"):
            self.going_on.add(name)

    def line(self) -> str:
        silent = self.going_on.intersection(self.silent)
        counts = {"here": len(self.going_on) - len(silent), "silent": len(silent), "ended": len(self.names - self.going_on)}
        return f"{_sources(len(self.names))}: {', '.join(f'{count:,} {word}' for word, count in counts.items() if count)}"


@app.command(name="list")
def list_sources(
    *,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """List every source and view that was seen, how it ended if it did, and whether an alert says that it is silent.

    **Example**

    `virtpulse sources list --json | jq -r .source`

    Args:
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    execute(_list(configured(common or Common()), as_json=prints_json(asked=json)))


@app.command
def end(
    *sources: str,
    as_: Annotated[Ended, Parameter(name="--as")] = "stopped",
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Take sources out of service: their windows are closed, their alerts resolved, and nobody calls them silent.

    A source ends with everything below it: kvm-07 with kvm-07/web-3. Any later sample of it takes that back.

    **Examples**

    `virtpulse sources end kvm-07 --as shutdown`

    `virtpulse sources end 'kvm-0*/web-*'`

    Args:
        sources: Which ones; patterns with * and ? are allowed.
        as_: Why; without it they were stopped.
        json: Print the samples that say so as JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    execute(_end(configured(common or Common()), sources, as_, as_json=prints_json(asked=json)))


@app.command
def forget(
    *sources: str,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """End sources as deleted: they leave the inventory as soon as the windows processor has closed their windows.

    A source goes with everything below it. What was measured stays in the log. Any later sample brings it back.

    **Example**

    `virtpulse sources forget kvm-07/web-3`

    Args:
        sources: Which ones; patterns with * and ? are allowed.
        json: Print the samples that say so as JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    execute(_end(configured(common or Common()), sources, "deleted", as_json=prints_json(asked=json)))


async def _list(configuration: Configuration, *, as_json: bool) -> None:
    async with connected(configuration) as transport:
        summary = _Summary(silent=() if as_json else await _silent(transport))
        if not as_json:
            put_lines([_HEADING])
        found = 0
        for partition in sorted(await transport.ends(SOURCES)):
            async with closing_generator(transport.latest(SOURCES, partition), f"latest of {SOURCES}") as batches:
                found += await _list_partition(batches, summary, as_json=as_json)
        if not found:
            _log.info("no source was seen yet")
        elif not as_json:
            put_lines([summary.line()])


async def _list_partition(batches: AsyncIterator[Batch], summary: _Summary, *, as_json: bool) -> int:
    """Print the sources and return how many they are."""
    found = 0
    async for batch in batches:
        put_lines(batch.values if as_json else (line for message in batch if (line := _line(message, summary))))
        found += len(batch)
    return found


def _line(message: Message, summary: _Summary) -> str:
    try:
        document = msgspec.json.decode(message.value, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("not shown: message is not JSON", topic=message.topic, position=message.position, reason=str(error))
        return ""
    summary.note(document)
    return fitted(pretty.source_line(document, summary.silent))


async def _silent(transport: Transport) -> set[str]:
    states = (record.content for record in await alert_states(transport))
    return {state.source for state in states if state.rule in _SILENCE_RULES and state.state != "pending"}


async def _end(configuration: Configuration, patterns: Sequence[str], why: Ended, *, as_json: bool) -> None:
    if not patterns:
        msg = "name a source; virtpulse sources list shows those that there are"
        raise UsageError(msg)
    async with connected(configuration) as transport:
        inventory = [record.content for record in await standing(transport, SOURCES, read_source)]
        found = meant(patterns, inventory, why)
        samples = ending_samples(found, why, SystemClock().time())
        messages = sample_messages(samples)
        for start in range(0, len(messages), _STEP):
            await transport.publish(messages[start : start + _STEP])
    put_lines(map(encode, samples) if as_json else _ended_lines(found, samples, why))


def _ended_lines(found: Sequence[Meant], samples: Sequence[Sample], why: Ended) -> Iterator[str]:
    for one in found:
        ending = {view.source for view in one.views}
        already = len(one.own | one.below) - len(ending)
        parts = [f"{_sources(len(ending))} ended as {why}"] if ending else []
        parts += [f"{len(ending & one.below):,} of them below it"] if ending & one.below else []
        parts += [f"{_sources(already)} had ended so before"] if already else []
        yield fitted(printable(f"{one.pattern}: {', '.join(parts)}"))
    if samples and why == "deleted":
        yield "They leave the inventory once the windows processor has closed their windows."


def _sources(count: int) -> str:
    return f"{count:,} source{'' if count == 1 else 's'}"
