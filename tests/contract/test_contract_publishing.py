"""What a transport promises to those who publish and to those who follow."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from virtpulse.errors import FatalError, RefusedError
from virtpulse.topics import AGGREGATES, LATE, SAMPLES, SOURCES
from virtpulse.transports.interface import MAX_MESSAGE_BYTES, Batch, Follower, Message, Outgoing, Start, Transport

Connect = Callable[[], Awaitable[Transport]]
Messages = Callable[..., Awaitable[list[Message]]]

HOSTILE = ["", "'; DROP TABLE topics; --", "a\x00b", "a\nb", "../..", "%s %d {0}", "#", "+", "$SYS", "ünï💥", "\u202e", "x" * 240]


async def test_messages_of_a_key_keep_their_order(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    for start in range(0, 300, 30):
        await transport.publish([Outgoing(SAMPLES, f"k{n % 3}", str(n).encode()) for n in range(start, start + 30)])
    read = await messages(await transport.follow([SAMPLES], Start.BEGINNING), 300)
    for key in ("k0", "k1", "k2"):
        values = [int(message.value) for message in read if message.key == key]
        assert values == sorted(values)
        assert len(values) == 100


@pytest.mark.parametrize("limit", [1, 7, 5_000])
async def test_how_much_is_read_at_once_does_not_show(connect: Connect, messages: Messages, limit: int) -> None:
    transport = await connect()
    published = [Outgoing(SAMPLES, f"k{n % 5}", b"v" * (n % 50)) for n in range(200)]
    for start, stop in ((0, 1), (1, 2), (2, 90), (90, 100), (100, 200)):
        await transport.publish(published[start:stop])
    read = await messages(await transport.follow([SAMPLES], Start.BEGINNING), 200, limit)
    assert [(message.topic, message.key, message.value, None) for message in read] == published
    assert [message.position for message in read] == list(range(200))


async def test_several_topics_in_one_publish_keep_apart(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(topic, "k", f"{topic}{n}".encode()) for n in range(3) for topic in (SAMPLES, LATE)])
    for topic in (SAMPLES, LATE):
        read = await messages(await transport.follow([topic], Start.BEGINNING), 3)
        assert [message.value.decode() for message in read] == [f"{topic}{n}" for n in range(3)]
    both = await messages(await transport.follow([SAMPLES, LATE], Start.BEGINNING), 6)
    assert {message.topic for message in both} == {SAMPLES, LATE}


async def test_an_empty_publish_stores_nothing(connect: Connect) -> None:
    transport = await connect()
    await transport.publish([])
    assert set((await transport.ends(SAMPLES)).values()) == {0}


async def test_ends_count_what_was_published(connect: Connect) -> None:
    transport, other = await connect(), await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"")] * 5)
    assert sum((await other.ends(SAMPLES)).values()) == 5


async def test_the_largest_message_is_stored_and_a_larger_one_refused_alone(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    largest = b"x" * MAX_MESSAGE_BYTES
    with pytest.raises(RefusedError, match=str(MAX_MESSAGE_BYTES)) as refused:
        await transport.publish([Outgoing(SAMPLES, "k", value) for value in (b"a", largest + b"x", largest, b"b")])
    assert list(refused.value.reasons) == [1]
    read = await messages(await transport.follow([SAMPLES], Start.BEGINNING), 3)
    assert [message.value for message in read] == [b"a", largest, b"b"]


async def test_a_key_that_is_no_text_is_refused_alone(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    with pytest.raises(RefusedError) as refused:
        await transport.publish([Outgoing(SAMPLES, "\ud800", b"bad"), Outgoing(SAMPLES, "k", b"good")])
    assert list(refused.value.reasons) == [0]
    assert [message.value for message in await messages(await transport.follow([SAMPLES], Start.BEGINNING), 1)] == [b"good"]


async def test_a_partition_that_does_not_exist_is_refused(connect: Connect) -> None:
    transport = await connect()
    with pytest.raises(RefusedError, match="999"):
        await transport.publish([Outgoing(SAMPLES, "k", b"v", 999)])


async def test_hostile_keys_come_back_as_they_were(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, key, key.encode()) for key in HOSTILE])
    read = await messages(await transport.follow([SAMPLES], Start.BEGINNING), len(HOSTILE))
    assert sorted((message.key, message.value.decode()) for message in read) == sorted((key, key) for key in HOSTILE)


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800", "y" * 1_000])
async def test_a_hostile_topic_is_kept_apart_or_refused(connect: Connect, messages: Messages, name: str) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"kept")])
    try:
        await transport.publish([Outgoing(name, "k", b"hostile")])
        read = await messages(await transport.follow([name], Start.BEGINNING), 1)
        assert [(message.topic, message.value) for message in read] == [(name, b"hostile")]
    except (RefusedError, FatalError) as error:
        assert len(str(error)) < 500  # noqa: PT017 - either outcome is allowed
    assert [m.value for m in await messages(await transport.follow([SAMPLES], Start.BEGINNING), 1)] == [b"kept"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=20), max_size=6))
async def test_whatever_is_published_comes_back(
    connect: Connect, messages: Messages, batches: list[list[tuple[str, bytes]]]
) -> None:
    transport = await connect()
    follower = await transport.follow([SAMPLES], Start.NOW)
    for batch in batches:
        await transport.publish([Outgoing(SAMPLES, key, value) for key, value in batch])
    expected = [pair for batch in batches for pair in batch]
    read = await messages(follower, len(expected))
    assert [(message.key, message.value) for message in read] == expected


async def test_following_from_now_sees_only_what_comes(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", b"before")])
    follower = await transport.follow([SAMPLES], Start.NOW)
    await transport.publish([Outgoing(SAMPLES, "k", b"after")])
    assert [message.value for message in await messages(follower, 1)] == [b"after"]
    assert await follower.read(10, 0.0) is None


async def test_a_follower_is_woken_by_another_connection(connect: Connect) -> None:
    follower = await (await connect()).follow([AGGREGATES], Start.NOW)
    waiting = asyncio.create_task(follower.read(10, 10.0))
    await asyncio.sleep(0)
    await (await connect()).publish([Outgoing(AGGREGATES, "k", b"v")])
    batch = await waiting
    assert batch is not None
    assert list(batch.values) == [b"v"]


async def test_a_read_is_bounded_in_messages_and_says_what_remains(connect: Connect) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SAMPLES, "k", str(n).encode()) for n in range(10)])
    follower = await transport.follow([SAMPLES], Start.BEGINNING)
    seen = []
    for _ in range(4):
        batch = await follower.read(3, 10.0)
        assert isinstance(batch, Batch)
        seen.append((len(batch), batch.remaining))
    assert seen == [(3, 7), (3, 4), (3, 1), (1, 0)]


@pytest.mark.parametrize("topic", [SAMPLES, SOURCES])
async def test_no_batch_says_that_nothing_remains_while_more_is_there(connect: Connect, topic: str) -> None:
    transport = await connect()
    await transport.publish([Outgoing(topic, f"a{n}", b"v") for n in range(3)])
    follower = await transport.follow([topic], Start.BEGINNING)
    for look, more in enumerate((0, 2, 0, 0, 1, 0)):
        await transport.publish([Outgoing(topic, f"b{look}{n}", b"v") for n in range(more)])
        batch = await follower.read(1, 10.0)
        assert batch is not None
        left = sum((await transport.ends(topic)).values()) - batch.positions[-1] - 1
        assert (batch.remaining == 0) == (left == 0)


async def test_the_latest_of_each_key_of_a_compacted_topic(connect: Connect) -> None:
    transport = await connect()
    for round_ in range(3):
        await transport.publish([Outgoing(SOURCES, f"k{n}", f"{n}.{round_}".encode()) for n in range(5_000)])
    await transport.publish([Outgoing(SOURCES, "k7", b""), Outgoing(SOURCES, "new", b"first"), Outgoing(SOURCES, "new", b"x")])
    found = {m.key: m.value async for batch in transport.latest(SOURCES, 0) for m in batch}
    expected = {f"k{n}": f"{n}.2".encode() for n in range(5_000) if n != 7} | {"new": b"x"}
    assert found == expected


async def test_the_latest_of_nothing_is_nothing(connect: Connect) -> None:
    transport = await connect()
    assert [batch async for batch in transport.latest(SOURCES, 0)] == []


async def test_following_a_compacted_topic_sees_a_key_go(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    await transport.publish([Outgoing(SOURCES, "a", b"1")])
    follower = await transport.follow([SOURCES], Start.BEGINNING)
    assert [m.value for m in await messages(follower, 1)] == [b"1"]
    await transport.publish([Outgoing(SOURCES, "a", b"")])
    assert [(m.key, m.value) for m in await messages(follower, 1)] == [("a", b"")]


@pytest.mark.parametrize("topic", [SAMPLES, SOURCES])
async def test_a_follower_begins_with_the_first_message_taken_in_at_a_moment_or_later(
    connect: Connect, messages: Messages, topic: str
) -> None:
    transport = await connect()
    for number in range(20):
        await transport.publish(
            [Outgoing(topic, f"k{number % 7}", f"{number}.{part}".encode()) for part in range(1 + number % 3)]
        )
    held = 20 + 19 if topic == SAMPLES else 7
    read = await messages(await transport.follow([topic], Start.BEGINNING), held)
    for moment in (0.0, *(message.time for message in read)):
        expected = [message for message in read if message.time >= moment]
        assert await messages(await transport.follow([topic], moment), len(expected)) == expected
    follower = await transport.follow([topic], read[-1].time + 3_600)
    assert await follower.read(1, 0.0) is None
    await transport.publish([Outgoing(topic, "k", b"new")])
    assert [message.value for message in await messages(follower, 1)] == [b"new"]


@pytest.mark.parametrize("what", ["follower", "transport"])
async def test_closing_ends_a_read_that_waits(connect: Connect, what: str) -> None:
    transport = await connect()
    follower: Follower = await transport.follow([SAMPLES], Start.NOW)
    waiting = asyncio.create_task(follower.read(10, 60.0))
    await asyncio.sleep(0.05)
    await (follower if what == "follower" else transport).close()
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_a_cancelled_read_loses_nothing(connect: Connect, messages: Messages) -> None:
    transport = await connect()
    follower = await transport.follow([SAMPLES], Start.NOW)
    for _ in range(20):
        reading = asyncio.create_task(follower.read(1, 10.0))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await transport.publish([Outgoing(SAMPLES, "k", b"v")])
    assert len(await messages(follower, 1)) == 1


async def test_after_closing_nothing_is_taken_any_more(connect: Connect) -> None:
    transport = await connect()
    await transport.close()
    with pytest.raises(FatalError, match="closed"):
        await transport.publish([Outgoing(SAMPLES, "k", b"v")])
    await transport.close()
