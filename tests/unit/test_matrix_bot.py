"""Whom the chat bot answers, how often, and what it does not."""

from collections.abc import Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from sinks.matrix.bot import MatrixBot
from sinks.matrix.home import Said
from tests.chatting import SETTINGS, batch, firing, window, windows
from tests.conftest import FakeClock
from virtpulse.errors import RefusedError
from virtpulse.messages.codec import encode
from virtpulse.messages.silence import Silence
from virtpulse.topics import AGGREGATES, ALERT_STATES, SILENCES

ROOM = "!room:virtpulse.test"
ANNA = "@anna:virtpulse.test"

Hears = Callable[..., list[str]]


@pytest.fixture
async def bot(fake_clock: FakeClock) -> MatrixBot:
    found = MatrixBot(SETTINGS, fake_clock)
    found._since = fake_clock.monotonic()
    await fake_clock.advance(3600)
    return found


@pytest.fixture
def hears(bot: MatrixBot) -> Hears:
    """Return a function that lets the bot hear a text, and returns what it says since the last time."""

    def hear(body: str, person: str = ANNA, age: float = 0.0) -> list[str]:
        bot._hear(Said(ROOM, person, body, age))
        said = [due.answer.text for due in bot._due]
        bot._due.clear()
        return said

    return hear


def test_it_answers_its_people_and_only_what_is_said_to_it(hears: Hears) -> None:
    assert len(hears("!vp status")) == 1
    assert len(hears("virtpulse: status")) == 1
    assert hears("the status of kvm-07?") == []


def test_a_stranger_is_ignored_counted_and_logged_once(bot: MatrixBot, hears: Hears) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            assert hears("!vp silence host=* 2h", "@mallory:elsewhere.test") == []
    assert bot.ignored == 3
    assert [log["person"] for log in logs] == ["(at)mallory:elsewhere.test"]
    assert not bot._publishing


def test_a_megabyte_of_text_is_ignored(bot: MatrixBot, hears: Hears) -> None:
    assert hears("!vp status " + "x" * 1_000_000) == []
    assert bot.ignored == 1


def test_what_nobody_waits_for_any_more_is_not_answered(hears: Hears) -> None:
    assert hears("!vp status", age=301.0) == []
    assert len(hears("!vp status", age=299.0)) == 1


def test_what_was_said_before_the_start_is_not_answered(bot: MatrixBot, hears: Hears, fake_clock: FakeClock) -> None:
    bot._since = fake_clock.monotonic() - 5
    assert hears("!vp status", age=6.0) == []
    assert len(hears("!vp status", age=4.0)) == 1


async def test_a_flood_of_one_person_is_answered_once_with_a_word_and_others_still_are(
    hears: Hears, fake_clock: FakeClock
) -> None:
    answers = [text for _ in range(100) for text in hears("!vp help")]
    assert len(answers) == 11
    assert answers[-1] == "that is more than I answer; ask again in a minute"
    await fake_clock.advance(3)
    assert hears("!vp silences") == ["nothing is silenced"]
    assert hears("!vp silences") == ["that is more than I answer; ask again in a minute"]
    assert hears("!vp silences") == []


async def test_a_silence_is_published_and_answered_once_it_is_on_the_topic(bot: MatrixBot, hears: Hears) -> None:
    assert hears("!vp silence host=kvm-07 2h new disks") == []
    (message,) = bot._published()
    silence = msgspec.json.decode(message.value, type=Silence)
    assert (message.topic, message.key, message.partition) == (SILENCES, silence.id, 0)
    await bot.write(batch(SILENCES, [(message.key, message.value)]))
    assert [due.answer.text.split()[:2] for due in bot._due] == [["silenced:", silence.id]]
    bot._due.clear()
    assert hears(f"!vp unsilence {silence.id}") == []
    (tombstone,) = bot._published()
    assert (tombstone.key, tombstone.value) == (silence.id, b"")
    await bot.write(batch(SILENCES, [(silence.id, b"")]))
    assert bot._due[0].answer.text.startswith(f"{silence.id} silences host=kvm-07 no more")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("alertname=* 2h", "alertname=\u2217 would silence every alert, or nearly; a matcher must name what is to be quiet"),
        ("host!=kvm-07 2h", "would silence every alert, or nearly"),
        ("severity=~critical 2h", "a matcher must be LABEL=VALUE or LABEL!=VALUE"),
        ("1host=x 2h", 'got "1host=x"'),
        ("host=kvm-07 366d", "a silence lasts from 1s to 365d, got 366d"),
        ("host=kvm-07 0s", "a silence lasts from 1s to 365d, got 0s"),
        ("host=a " * 51 + "2h", "a silence has at most 50 matchers, got 51"),
        ("host=a 2h " + "x" * 501, "reason must have at most 500 characters, got 501"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_what_can(bot: MatrixBot, hears: Hears, asked: str, said: str) -> None:
    (answer,) = hears(f"!vp silence {asked}")
    assert said in answer
    assert not bot._publishing


async def test_with_a_silence_those_that_have_been_over_for_a_week_are_removed(
    bot: MatrixBot, hears: Hears, fake_clock: FakeClock
) -> None:
    def ended(name: str, days: float) -> tuple[str, bytes]:
        ends = fake_clock.time() - days * 86_400
        return name, encode(Silence(id=name, matchers=("host=a",), starts=1.0, ends=ends, created=1.0))

    await bot.write(batch(SILENCES, [ended("week", 7.1), ended("day", 1.0), ended("holds", -1.0)]))
    hears("!vp silence host=kvm-07 2h")
    made, removed = bot._published()
    assert made.value
    assert (removed.key, removed.value) == ("week", b"")


async def test_a_silence_that_does_not_come_back_is_said_after_10_seconds(
    bot: MatrixBot, hears: Hears, fake_clock: FakeClock
) -> None:
    hears("!vp silence host=kvm-07 2h")
    (message,) = bot._published()
    with pytest.raises(AssertionError, match="it is not done"):
        await fake_clock.drive(bot._expire(), limit=11)
    assert [due.answer.text for due in bot._due] == [
        f"{message.key} was not confirmed within 10 s; silences says what holds once the log works"
    ]


async def test_records_that_are_not_what_they_should_be_are_refused_and_the_others_taken(bot: MatrixBot, hears: Hears) -> None:
    good = firing("kvm-07", 1_800_000_000.0)
    later = msgspec.structs.replace(firing("kvm-08", 1_800_000_000.0), version=99)
    records = [("broken", b"{"), (later.fingerprint, encode(later)), (good.fingerprint, encode(good))]
    with pytest.raises(RefusedError) as error:
        await bot.write(batch(ALERT_STATES, records))
    assert sorted(error.value.reasons) == [0, 1]
    assert "1 warning fires" in hears("!vp status")[0]


async def test_windows_that_are_not_what_they_should_be_are_refused_and_the_others_taken(bot: MatrixBot, hears: Hears) -> None:
    good = window("kvm-07", 1_800_000_000.0, {"system.cpu.utilization": 50.0})
    with pytest.raises(RefusedError) as error:
        await bot.write(batch(AGGREGATES, [("kvm-07", b'{"source":1}'), ("kvm-07", encode(good))]))
    assert list(error.value.reasons) == [0]
    await bot.write(windows(good))
    assert "kvm-07" in hears("!vp top cpu")[0]
