"""The live table, drawn into a string."""

import io
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sinks.console.alert_board import AlertBoard
from sinks.console.board import Board
from sinks.console.settings import ConsoleSettings
from sinks.console.table import LiveTable
from sinks.row import Row
from virtpulse.clock import Clock
from virtpulse.messages.aggregate import Aggregate, Ratio, Timing
from virtpulse.units import Duration

START = 1_795_000_000.0


class Standing:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        msg = f"a table waits for nothing, least of all {seconds} s"
        raise AssertionError(msg)


def percentage(value: float | None, low: float | None = None, high: float | None = None) -> Ratio:
    return Ratio(value or 0.0, 100.0 if value is not None else 0.0, value, low or value, high or value, value, 10)


def window(
    source: str = "web-1", index: int = 0, *, resources: dict[str, Ratio] | None = None, faults: dict[str, Ratio] | None = None,
    performance: dict[str, Ratio] | None = None, timings: dict[str, Timing] | None = None, late: int = 0,
) -> Aggregate:  # fmt: skip
    return Aggregate(
        source=source, start=START + 10 * index - 10, end=START + 10 * index, samples=10, late=late, repeated=0,
        resources=resources or {}, faults=faults or {}, performance=performance or {}, timings=timings or {},
    )  # fmt: skip


def drawn(board: Board, clock: Clock, width: int = 120, height: int = 24, log: tuple[str, ...] = ()) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(LiveTable(board, AlertBoard(0), clock).renderable(log), end="", height=height)
    return [line.rstrip() for line in captured.get().removesuffix("\n").split("\n")]


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
def board() -> Board:
    return Board(ConsoleSettings(rows=1000, quiet=Duration(30), forget=Duration(300)))


def test_a_row_shows_source_metric_family_figure_range_and_history(board: Board, clock: Standing) -> None:
    for index, value in enumerate((10.0, 50.0, 90.0)):
        board.update(window(index=index, resources={"system.cpu.utilization@user": percentage(value, 5.0, 95.0)}), clock.now)
    row = next(line for line in drawn(board, clock) if "system.cpu" in line)
    assert row.split() == ["web-1", "system.cpu.utilization@user", "R", "━━━━━━━━━─", "90.0", "%", "5.0–95.0", "▁▅█"]  # noqa: RUF001 the sign that the table shows


def test_the_header_says_sources_samples_late_and_the_age_of_the_window(board: Board, clock: Standing) -> None:
    board.update(window("a", resources={"x.y": percentage(99.0)}, late=3), clock.now)
    board.update(window("b", faults={"x.z": percentage(2.0)}), clock.now)
    clock.now += 7
    header = drawn(board, clock)[0]
    for part in ("2 sources", "20 samples", "3 late", "7 s ago", "1 red row", "1 yellow row"):
        assert part in header


def test_timings_and_amounts_are_shown_in_their_units(board: Board, clock: Standing) -> None:
    io_row = Ratio(10 * 2**20, 0.0, None, None, None, None, 10)
    timing = Timing(0.01, 10, 0.001, 0.0005, 0.002, 0.001, 10)
    board.update(window(resources={"system.disk.io@vda.read": io_row}, timings={"system.disk.operation_time@vda": timing}), START)
    text = "\n".join(drawn(board, clock))
    assert "1 MiB/s" in text
    assert "1 ms" in text
    assert "500 µs–2 ms" in text  # noqa: RUF001 the sign that the table shows


def test_a_fault_rate_without_events_has_no_value_and_an_unknown_whole_gives_no_ratio(board: Board, clock: Standing) -> None:
    nothing = Ratio(0.0, 0.0, None, None, None, None, 10)
    board.update(window(faults={"net.errors": nothing}, resources={"net.io": Ratio(0.0, 0.0, None, None, None, None, 1)}), START)
    text = drawn(board, clock)
    assert any("net.errors" in line and line.endswith("–") for line in text)  # noqa: RUF001 the sign that the table shows
    assert any("net.io" in line and "0 B/s" in line for line in text)


def test_what_is_worst_stands_first(board: Board, clock: Standing) -> None:
    board.update(
        window(
            resources={"mild.use": percentage(20.0), "full.disk": percentage(97.0)},
            performance={"slow.output": percentage(3.0), "fine.output": percentage(99.0)},
            faults={"bad.link": percentage(50.0), "good.link": percentage(0.0)},
        ),
        clock.now,
    )
    names = [line.split()[1] for line in drawn(board, clock)[2:8]]
    assert names == ["slow.output", "bad.link", "full.disk", "mild.use", "fine.output", "good.link"]


def test_five_hundred_rows_show_what_fits_and_say_how_many_more_there_are(board: Board, clock: Standing) -> None:
    for number in range(100):
        board.update(window(f"host-{number}", resources={f"metric.m{i}": percentage(i) for i in range(5)}), clock.now)
    text = drawn(board, clock, height=30)
    assert len(text) == 30
    assert sum("metric.m" in line for line in text) == 27
    assert "473 more rows" in text[-1]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 2), (20, 5), (40, 10), (79, 24), (300, 100)])
def test_it_fits_every_size(board: Board, clock: Standing, width: int, height: int) -> None:
    for number in range(50):
        board.update(
            window(f"a-long-name-of-a-host-{number}", resources={"system.filesystem.utilization@/var": percentage(50.0)}), START
        )
    text = drawn(board, clock, width, height, log=("a log line",) * 10)
    assert len(text) == height
    assert all(len(line) <= width for line in text)


def test_both_ends_of_a_name_that_is_too_long_stay(board: Board, clock: Standing) -> None:
    board.update(window(resources={"system.network.packet.dropped@enp0s31f6.receive": percentage(1.0)}), clock.now)
    row = drawn(board, clock, width=70)[2]
    assert "system.net" in row
    assert ".receive" in row


HOSTILE = ["\x1b[2J\x1b[31m", "[bold red]x[/]", "a\nb\r\tc", "\u202egnp", "\x9b31m", ":smile:", "界" * 90, "\x00\x07"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_never_obeyed(board: Board, clock: Standing, name: str) -> None:
    board.update(window(name, resources={f"m@{name}": percentage(50.0)}), clock.now)
    text = drawn(board, clock, log=(name,))
    assert all(line.isprintable() for line in text)
    assert len(text) == 24
    if name.isprintable() and len(name) < 20:
        assert name in "\n".join(text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_name_at_all_breaks_the_frame(source: str, device: str) -> None:
    board = Board(ConsoleSettings())
    board.update(window(source, resources={f"m@{device}": percentage(50.0)}), START)
    text = drawn(board, Standing(), width=60, height=6)
    assert len(text) == 6
    assert all(line.isprintable() for line in text)


def test_the_order_does_not_depend_on_the_order_of_arrival(new_clock: Callable[[], Clock]) -> None:
    chance = random.Random(7)
    windows = [window(f"h{n}", resources={"a.b": percentage(n * 7 % 101)}, faults={"a.c": percentage(n % 3)}) for n in range(40)]
    pictures = set()
    for _ in range(5):
        chance.shuffle(windows)
        board = Board(ConsoleSettings())
        for each in windows:
            board.update(each, START)
        pictures.add("\n".join(drawn(board, new_clock(), height=100)[1:]))
    assert len(pictures) == 1


def test_a_source_that_goes_quiet_moves_to_the_end_and_is_then_forgotten(board: Board, clock: Standing) -> None:
    board.update(window("silent", resources={"a.b": percentage(99.0)}), clock.now)
    clock.now += 31
    board.update(window("alive", index=3, resources={"a.b": percentage(1.0)}), clock.now)
    assert [line.split()[0] for line in drawn(board, clock)[2:4]] == ["alive", "silent"]
    assert "red row" not in drawn(board, clock)[0]
    clock.now += 270
    assert "silent" not in "\n".join(drawn(board, clock))


def test_rows_are_bounded_and_the_stalest_goes_first(clock: Standing) -> None:
    board = Board(ConsoleSettings(rows=3))
    for name in ("a", "b", "c", "a", "d"):
        board.update(window(name, resources={"x.y": percentage(1.0)}), clock.now)
    assert {row.name.source for row, _ in board.view(10, clock.now).rows} == {"a", "c", "d"}
    assert "1 forgotten" in drawn(board, clock)[-1]


def only_row(board: Board) -> Row:
    ((row, _),) = board.view(10, START).rows
    return row


def test_history_keeps_sixty_windows_with_gaps_and_corrects_a_window_told_twice(board: Board) -> None:
    for index in (0, 1, 1, 4, 2):
        board.update(window(index=index, resources={"x.y": percentage(float(index + 1))}), START)
    assert [str(value) for value in only_row(board).history] == ["1.0", "2.0", "nan", "nan", "5.0"]
    for index in range(5, 100):
        board.update(window(index=index, resources={"x.y": percentage(1.0)}), START)
    assert len(only_row(board).history) == 60


def test_before_the_first_window_it_says_that_it_waits_and_log_lines_stand_below(board: Board, clock: Standing) -> None:
    text = drawn(board, clock, log=("\x1b[32mstarted\x1b[0m well",))
    assert "Waiting for the first window" in "\n".join(text)
    assert text[-1] == "started well"
