"""`virtpulse watch`."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter, validators

from virtpulse.cli import pretty
from virtpulse.cli.alert_lines import alert_line, inhibited_line
from virtpulse.cli.common import Common, Span, configured
from virtpulse.cli.executing import InterruptedByUserError, connected, execute
from virtpulse.cli.filters import AlertFilter, DocumentFilter, Filter, KeptBack
from virtpulse.cli.printing import fitted, prints_json, put_lines
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import InvalidError, UsageError
from virtpulse.logs import get_logger
from virtpulse.messages.reading import lines
from virtpulse.runtime.closing import closing
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.following import Following
from virtpulse.runtime.until import Until
from virtpulse.topics import ALERT_STATES, ALERTS, TopicName
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Batch, Message, Start
from virtpulse.units import Duration

app = App(name="watch")

Line = Callable[[Mapping[str, Any]], str]

_BATCH: Final = 500
_LINES: Final[Mapping[TopicName, Line]] = {
    "samples": lambda document: fitted(pretty.sample_line(document)),
    "aggregates": lambda document: fitted(pretty.aggregate_line(document)),
    "sources": lambda document: fitted(pretty.source_line(document)),
    "late": lambda document: fitted(pretty.sample_line(document)),
    "deadletters": lambda document: fitted(pretty.dead_letter_line(document)),
    "alerts": alert_line,
}
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """How a topic is shown: what of it, and as which line for people, None for JSON."""

    filter: DocumentFilter
    line: Line | None


@dataclass(slots=True)
class Printer:
    """Prints the documents of batches, each topic as its view says, until it has printed as many as were asked for."""

    views: Mapping[str, View]
    left: float = field(default=float("inf"))

    def show(self, batch: Batch) -> None:
        """Print a batch. Raises BrokenPipeError."""
        put_lines(self._lines(batch))

    def _lines(self, batch: Batch) -> Iterator[str | bytes]:
        view = self.views[batch.topic]
        for message in batch:
            if not message.value:
                view.filter.gone(message.key)
            for line, document in _documents(message):
                taken = view.filter.take(document) if self.left > 0 else None
                if taken is not None:
                    self.left -= 1
                    yield _shown(view, line, document, taken)


@app.default
def watch(  # noqa: PLR0913 each is an option of its own
    topic: TopicName,
    /,
    *,
    from_: Annotated[Span, Parameter(name="--from")] = None,
    source: str | None = None,
    metric: str | None = None,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    count: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    drain: bool = False,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Follow a topic: one document a line, JSON where the output is a pipe.

    **Examples**

    `virtpulse watch aggregates --metric 'system.cpu.*'`

    `virtpulse watch samples --from start --source 'kvm-07/*' --count 10 --json`

    `virtpulse watch alerts --from 1h --source 'kvm-07/*'`

    `virtpulse watch deadletters --drain` shows all that is there and ends

    Args:
        topic: What to follow.
        from_: Begin with the oldest that is there: start, with what came so long ago: 10m, or from now on: now (with --drain:
            start, else: now).
        source: Show only these sources; a pattern with * and ?. An alert's are its labels host and vm, as in kvm-07/web-3.
        metric: Show only these metrics, and only documents that have one; a pattern with * and ?. An alert's are its labels
            metric and device, as in system.disk.io@sda.
        all_: With alerts: show those too that are kept back because their host is silent.
        count: End after so many documents.
        drain: Show all that is there, then end.
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    if all_ and topic != ALERTS:
        msg = f"--all goes with alerts, not with {topic}"
        raise UsageError(msg)
    start = _start(from_ or ("start" if drain else "now"))
    configuration = configured(common or Common())
    views = _views(topic, AlertFilter(source, metric) if topic == ALERTS else Filter(source, metric), kept_back=all_)
    if prints_json(asked=json):
        views = {name: View(view.filter, None) for name, view in views.items()}
    printer = Printer(views, float("inf") if count is None else count)
    with suppress(InterruptedByUserError):  # the usual end of following
        execute(_follow(configuration, start, Until.DRAINED if drain else Until.STOPPED, printer))


def _start(text: str) -> Start | float:
    """Return where to begin. Raises UsageError."""
    if text in {"start", "now"}:
        return Start(text)
    try:
        return SystemClock().time() - Duration.parse(text)
    except ValueError:
        msg = f'--from must be start, now or how long ago, as in 10m, got "{text[:40]}"'
        raise UsageError(msg) from None


def _views(topic: TopicName, filter_: DocumentFilter, *, kept_back: bool) -> Mapping[str, View]:
    views = {str(topic): View(filter_, _LINES[topic])}
    if kept_back and isinstance(filter_, AlertFilter):
        views[ALERT_STATES] = View(KeptBack(filter_), inhibited_line)
    return views


async def _follow(configuration: Configuration, start: Start | float, until: Until, printer: Printer) -> None:
    topics = list(printer.views)
    async with connected(configuration) as transport:
        context = Context(transport, Counters("watch"), asyncio.Event(), SystemClock())
        follower = await transport.follow(topics, start)
        async with closing(follower, f"reading of {' and '.join(topics)}"):
            following = Following(context, follower, topics, _BATCH)
            await following.begin(until)
            while printer.left > 0 and (batch := await following.next()) is not None:
                printer.show(batch)


def _shown(view: View, line: bytes, document: dict[str, Any], taken: dict[str, Any]) -> str | bytes:
    if view.line is not None:
        return view.line(taken)
    return line if taken is document else msgspec.json.encode(taken)


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
