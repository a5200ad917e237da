"""`virtpulse watch`."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter, validators

from virtpulse.cli import pretty
from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import InterruptedByUserError, connected, execute
from virtpulse.cli.printing import fitted, prints_json, put_lines
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages.reading import lines
from virtpulse.messages.sample import MAPS
from virtpulse.runtime.closing import closing
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.following import Following
from virtpulse.runtime.until import Until
from virtpulse.topics import TopicName
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Batch, Message, Start

app = App(name="watch")

From = Literal["start", "now"]

_BATCH: Final = 500
_PRETTY: Final[Mapping[TopicName, Callable[[Mapping[str, Any]], str]]] = {
    "samples": pretty.sample_line,
    "aggregates": pretty.aggregate_line,
    "sources": pretty.source_line,
    "late": pretty.sample_line,
    "deadletters": pretty.dead_letter_line,
}
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents are shown, and which metrics of them; None lets all through."""

    source: str | None = None
    metric: str | None = None

    def take(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is to be shown of a document, None if nothing is."""
        if self.source is not None and not fnmatchcase(str(document.get("source", "")), self.source):
            return None
        if self.metric is None:
            return document
        kept = {name: self._kept(document[name]) for name in MAPS if isinstance(document.get(name), dict)}
        return {**document, **kept} if any(kept.values()) else None

    def _kept(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in metrics.items() if fnmatchcase(key, str(self.metric))}


@dataclass(slots=True)
class Printer:
    """Prints the documents of batches until it has printed as many as were asked for."""

    filter: Filter
    pretty: Callable[[Mapping[str, Any]], str] | None
    left: float = field(default=float("inf"))

    def show(self, batch: Batch) -> None:
        """Print a batch. Raises BrokenPipeError."""
        put_lines(self._lines(batch))

    def _lines(self, batch: Batch) -> Iterator[str | bytes]:
        for message in batch:
            for line, document in _documents(message):
                taken = self.filter.take(document) if self.left > 0 else None
                if taken is not None:
                    self.left -= 1
                    yield self._line(line, document, taken)

    def _line(self, line: bytes, document: dict[str, Any], taken: dict[str, Any]) -> str | bytes:
        if self.pretty is not None:
            return fitted(self.pretty(taken))
        return line if taken is document else msgspec.json.encode(taken)


@app.default
def watch(  # noqa: PLR0913 each is an option of its own
    topic: TopicName,
    /,
    *,
    from_: Annotated[From | None, Parameter(name="--from")] = None,
    source: str | None = None,
    metric: str | None = None,
    count: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    drain: bool = False,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Follow a topic: one document a line, JSON where the output is a pipe.

    **Examples**

    `virtpulse watch aggregates --metric 'system.cpu.*'`

    `virtpulse watch samples --from start --source 'kvm-07/*' --count 10 --json`

    `virtpulse watch deadletters --drain` shows all that is there and ends

    Args:
        topic: What to follow.
        from_: Begin with the oldest that is there, or with what comes from now on (with --drain: start, else: now).
        source: Show only these sources; a pattern with * and ?.
        metric: Show only these metrics, and only documents that have one; a pattern with * and ?.
        count: End after so many documents.
        drain: Show all that is there, then end.
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    start = Start(from_ or ("start" if drain else "now"))
    until = Until.DRAINED if drain else Until.STOPPED
    line = None if prints_json(asked=json) else _PRETTY[topic]
    printer = Printer(Filter(source, metric), line, float("inf") if count is None else count)
    with suppress(InterruptedByUserError):  # the usual end of following
        execute(_follow(configuration, topic, start, until, printer))


async def _follow(configuration: Configuration, topic: TopicName, start: Start, until: Until, printer: Printer) -> None:
    async with connected(configuration) as transport:
        context = Context(transport, Counters("watch"), asyncio.Event(), SystemClock())
        follower = await transport.follow([topic], start)
        async with closing(follower, f"reading of {topic}"):
            following = Following(context, follower, [topic], _BATCH)
            await following.begin(until)
            while printer.left > 0 and (batch := await following.next()) is not None:
                printer.show(batch)


def _documents(message: Message) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the documents of a message, each with its line; anything else, such as a line sent raw, is logged."""
    try:
        found = [(line, msgspec.json.decode(line)) for line in lines(message.value, MAX_MESSAGE_BYTES)]
    except (InvalidError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("not shown: message is not JSON", topic=message.topic, position=message.position, reason=str(error))
        return
    for line, document in found:
        if isinstance(document, dict):
            yield line, document
        else:
            _log.warning("not shown: document is no object", topic=message.topic, position=message.position)
