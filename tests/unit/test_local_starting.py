"""Where a follower begins that is to begin at a moment: found by halving, whatever the clock of the log has done."""

import sqlite3
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtpulse.topics import SAMPLES, SOURCES, TOPICS
from virtpulse.transports.interface import Start
from virtpulse.transports.local import starting
from virtpulse.transports.local.appending import Accepted, append
from virtpulse.transports.local.retention import Bounds, trim
from virtpulse.transports.local.schema import open_database
from virtpulse.transports.local.starting import start_positions


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path_factory.mktemp("log") / "log.db")
    connection.execute("PRAGMA synchronous = OFF")
    yield connection
    connection.close()


@pytest.fixture(autouse=True)
def _emptied(log: sqlite3.Connection) -> None:
    empty(log)


def empty(log: sqlite3.Connection) -> None:
    for table in ("batches", "latest", "topics"):
        log.execute(f"DELETE FROM {table}")  # noqa: S608 - constant text


def fill(log: sqlite3.Connection, times: Sequence[float], topic: str = SAMPLES) -> list[float]:
    """Store a row for each time, of one to three messages; return when each message of the topic was taken in."""
    taken: list[float] = []
    for number, now in enumerate(times):
        count = 1 + number % 3
        keys = [f"k{(number + part) % 5}" for part in range(count)] if topic == SOURCES else ["k"] * count
        append(log, Accepted(topic, keys, [b"v"] * count), now, TOPICS)
        taken += [now] * count
    return taken


def begin(log: sqlite3.Connection, start: Start | float, topic: str = SAMPLES) -> int:
    return start_positions(log, [topic], start)[topic]


@settings(deadline=None, max_examples=60)
@given(times=st.lists(st.integers(0, 30), max_size=30).map(sorted), moment=st.integers(-1, 32))
def test_it_is_the_first_message_taken_in_then_or_later(log: sqlite3.Connection, times: list[int], moment: int) -> None:
    empty(log)
    taken = fill(log, [float(time) for time in times])
    expected = next((position for position, time in enumerate(taken) if time >= moment), len(taken))
    assert begin(log, float(moment)) == expected


@settings(deadline=None, max_examples=60)
@given(times=st.lists(st.integers(0, 30), max_size=40).map(sorted), moment=st.integers(-1, 32))
def test_of_a_compacted_topic_it_is_the_first_that_is_left(log: sqlite3.Connection, times: list[int], moment: int) -> None:
    empty(log)
    fill(log, [float(time) for time in times], SOURCES)
    (number,) = log.execute("SELECT id FROM topics").fetchone() if times else (0,)
    left = [(at - (number << 44), time) for at, time in log.execute("SELECT at, time FROM latest ORDER BY at")]
    begun = begin(log, float(moment), SOURCES)
    assert [place for place in left if place[0] >= begun] == [place for place in left if place[1] >= moment]


@settings(deadline=None, max_examples=60)
@given(times=st.lists(st.integers(0, 30), max_size=30), moment=st.integers(-1, 32))
def test_a_clock_that_jumped_takes_nothing_away(log: sqlite3.Connection, times: list[int], moment: int) -> None:
    empty(log)
    taken = fill(log, [float(time) for time in times])
    begun = begin(log, float(moment))
    assert all(time < moment for time in taken[:begun])


def test_a_clock_that_jumped_far_leads_to_a_place_where_the_moment_passed(
    log: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_LOOK_BACK", 1)
    taken = fill(log, [*map(float, range(1_000)), *map(float, range(500, 1_500))])
    for moment in (0.0, 250.0, 700.0, 1_200.0, 5_000.0):
        begun = begin(log, moment)
        assert begun in {0, len(taken)} or taken[begun - 1] < moment
        assert begun == len(taken) or taken[begun] >= moment


def test_a_log_of_many_rows_is_not_read_through(log: sqlite3.Connection) -> None:
    taken = fill(log, [float(number) for number in range(20_000)])
    looks = 0

    def look(_statement: str) -> None:
        nonlocal looks
        looks += 1

    log.set_trace_callback(look)
    assert taken[begin(log, 10_000.0)] == 10_000.0
    log.set_trace_callback(None)
    assert looks < 40


def test_what_retention_took_is_not_begun_at(log: sqlite3.Connection) -> None:
    fill(log, [float(number) for number in range(100)])
    while trim(log, lambda _topic: Bounds(50.0, 1 << 30), 100.0):
        pass
    first = begin(log, Start.BEGINNING)
    assert first > 0
    assert begin(log, 3.0) == first
    assert begin(log, 80.0) > first
    assert begin(log, 1e9) == begin(log, Start.NOW)


def test_an_empty_topic_begins_at_its_start(log: sqlite3.Connection) -> None:
    assert begin(log, 5.0) == begin(log, Start.NOW) == begin(log, Start.BEGINNING) == 0
