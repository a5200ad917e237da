"""From lines to messages: good ones in order, bad ones told, full batches, paced if asked for."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from virtpulse.cli.lines import Line
from virtpulse.cli.pacing import Pacing
from virtpulse.cli.parsing import Tally, parse_raw, parse_samples
from virtpulse.cli.sending import BATCH, Sender
from virtpulse.clock import Clock
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.transports.interface import Outgoing, Transport

if TYPE_CHECKING:
    from virtpulse.cli.lines import LineReader


class AdvancedClock(Clock, Protocol):
    """A clock that the test advances."""

    async def drive(self, work: Any, limit: float = ...) -> Any: ...  # noqa: ANN401 the fixture's own signature


def sample(source: str = "host", time: float = 1.0) -> bytes:
    return json.dumps({"source": source, "time": time, "resources": {"cpu": [1, 2]}}).encode()


class Lines:
    """What a `LineReader` does, from a list."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self._left = [[Line(number, content)] for number, content in enumerate(contents, 1)]

    async def read(self) -> list[Line] | None:
        """Return the next line."""
        return self._left.pop(0) if self._left else None


class Recorder:
    """A transport that keeps the batches it was given, with the time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.batches: list[tuple[float, list[bytes]]] = []

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Keep a batch."""
        self.batches.append((self.clock.monotonic(), [message.value for message in messages]))


@pytest.fixture
def send(fake_clock: AdvancedClock) -> Callable[..., tuple[Tally, Recorder]]:
    async def call(contents: Sequence[bytes], speed: float | None = None) -> tuple[Tally, Recorder]:
        transport = Recorder(fake_clock)
        narrowed: Any = transport
        wide: Transport = narrowed
        lines: Any = Lines(contents)
        reader: LineReader = lines
        context = Context(wide, Counters("publish"), asyncio.Event(), fake_clock)
        pacing = None if speed is None else Pacing(speed, fake_clock)
        tally = Tally()
        await Sender(context, parse_samples, pacing, tally).send_all(reader)
        return tally, transport

    def run(contents: Sequence[bytes], speed: float | None = None) -> Any:  # noqa: ANN401 a coroutine
        return fake_clock.drive(call(contents, speed)) if speed is not None else call(contents, speed)

    return run


def test_a_good_line_is_sent_byte_for_byte_under_its_host() -> None:
    tally = Tally()
    (ready,) = parse_samples(Line(1, sample("kvm-07/web-3", 5.0)), tally)
    assert ready.message == Outgoing("samples", "kvm-07", sample("kvm-07/web-3", 5.0))
    assert (ready.documents, ready.time, tally.refused) == (1, 5.0, 0)


def test_an_array_is_sent_as_a_message_for_each_host(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    array = b"[" + b",".join([sample("a/1"), sample("../x"), sample("a/2"), sample("b")]) + b"]"
    first, second = parse_samples(Line(7, array), tally)
    assert (first.message.key, first.documents, json.loads(first.message.value)[1]["source"]) == ("a", 2, "a/2")
    assert (second.message.key, second.documents) == ("b", 1)
    assert tally.refused == 1
    assert "line 7: source must be" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"nope", b"[", b"3", b"\xff", b"{}", b"[" * 100_000, b'{"source": "a", "time": "x"}'])
def test_a_bad_line_is_told_with_its_number_and_gives_nothing(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    assert list(parse_samples(Line(3, content), tally)) == []
    assert tally.refused == 1
    assert "line 3: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (sample("kvm/web"), "kvm"),
        (b"nope", ""),
        (b'{"source": 3}', ""),
        (b'{"source": "../x"}', ""),
        (b'{"source": "a/a/a/a/a/a/a/a/a"}', ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_a_raw_line_is_sent_as_it_is(content: bytes, key: str) -> None:
    (ready,) = parse_raw(Line(1, content), Tally())
    assert ready.message == Outgoing("samples", key, content)


async def test_lines_that_come_fast_are_sent_in_full_batches_and_in_order(send: Callable[..., Any]) -> None:
    contents = [sample(time=float(number)) for number in range(2 * BATCH + 1)]
    tally, transport = await send(contents)
    assert [len(batch) for _, batch in transport.batches] == [BATCH, BATCH, 1]
    assert [value for _, batch in transport.batches for value in batch] == contents
    assert (tally.sent, tally.refused) == (len(contents), 0)


async def test_a_recording_is_sent_as_far_apart_as_asked_for(send: Callable[..., Any]) -> None:
    _, transport = await send([sample(time=time) for time in (100.0, 100.0, 110.0, 105.0, 130.0)], speed=10.0)
    start = transport.batches[0][0]
    sent = [(round(at - start, 6), len(batch)) for at, batch in transport.batches]
    assert sent == [(0.0, 2), (1.0, 2), (3.0, 1)]
