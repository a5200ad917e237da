"""What a line becomes: messages ready to be sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from virtpulse.cli.lines import Line
from virtpulse.errors import InvalidError
from virtpulse.logs import get_logger
from virtpulse.messages import bounds
from virtpulse.messages.codec import joined
from virtpulse.messages.reading import documents, read_sample
from virtpulse.messages.sample import host_of
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing

_log = get_logger(__name__)


class Ready(NamedTuple):
    """A message ready to be sent: the line it comes from, how many documents it holds and the first one's event time."""

    line: int
    message: Outgoing
    documents: int
    time: float


@dataclass(slots=True)
class Tally:
    """What became of the lines: documents that were stored, and refused."""

    sent: int = 0
    refused: int = 0

    def refuse(self, line: int, error: InvalidError) -> None:
        """Count and report a bad line, or a bad document of its array."""
        self.refused += 1
        _log.error(f"line {line}: {error.reason}", line=line, field=error.field)


Parse = Callable[[Line, Tally], Iterator[Ready]]


def parse_samples(line: Line, tally: Tally) -> Iterator[Ready]:
    """Yield a message for each run of good samples of one host; `tally` counts and reports the bad ones."""
    for host, run in groupby(_good_documents(line, tally), key=lambda good: good.host):
        found = list(run)
        value = joined([good.raw for good in found])
        yield Ready(line.number, Outgoing(SAMPLES, host, value), len(found), found[0].time)


def parse_raw(line: Line, _tally: Tally) -> Iterator[Ready]:
    """Yield the line as it is, whatever it holds."""
    yield Ready(line.number, Outgoing(SAMPLES, _host_in(line.content), line.content), 1, 0.0)


class _Good(NamedTuple):
    raw: bytes
    host: str
    time: float


class _Named(msgspec.Struct):
    source: str


_NAMED: Final = msgspec.json.Decoder(_Named)


def _good_documents(line: Line, tally: Tally) -> Iterator[_Good]:
    try:
        raws = documents(line.content)
    except InvalidError as error:
        tally.refuse(line.number, error)
        return
    for raw in raws:
        try:
            sample = read_sample(raw)
        except InvalidError as error:
            tally.refuse(line.number, error)
        else:
            yield _Good(raw, host_of(sample.source), sample.time)


def _host_in(content: bytes) -> str:
    """Return the host that the line names, so that it goes where the host's other messages go; empty where it names none."""
    try:
        source = _NAMED.decode(content).source
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return host_of(source) if bounds.is_source(source) else ""
