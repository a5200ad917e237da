"""Counters become amounts of an interval in one place."""

from hypothesis import given
from hypothesis import strategies as st

from producers.host.deltas import Deltas


def test_a_first_look_has_neither_an_interval_nor_deltas() -> None:
    deltas = Deltas(1.0)
    deltas.begin(100.0)
    assert deltas.dt is None
    assert deltas.rise("a", 5) is None


def test_a_counter_that_went_backwards_has_no_delta_and_starts_anew() -> None:
    deltas = Deltas(1.0)
    rises: list[float | None] = []
    for now, value in enumerate((10, 15, 3, 3, 7)):
        deltas.begin(float(now))
        rises.append(deltas.rise("a", value))
    assert rises == [None, 5, None, 0, 4]


def test_a_counter_that_was_absent_for_one_look_is_new_when_it_comes_back() -> None:
    deltas = Deltas(1.0)
    deltas.begin(0.0)
    deltas.rise("a", 10)
    deltas.begin(1.0)
    deltas.begin(2.0)
    assert deltas.rise("a", 30) is None
    deltas.begin(3.0)
    assert deltas.rise("a", 31) == 1


def test_a_stall_gives_an_honestly_long_interval() -> None:
    deltas = Deltas(1.0)
    deltas.begin(0.0)
    deltas.rise("a", 10)
    deltas.begin(59.0)
    assert (deltas.dt, deltas.away, deltas.rise("a", 40)) == (59.0, 0.0, 30)


def test_a_suspended_machine_starts_anew() -> None:
    deltas = Deltas(1.0)
    deltas.begin(0.0)
    deltas.rise("a", 10)
    deltas.begin(3_600.0)
    assert (deltas.dt, deltas.away, deltas.rise("a", 40)) == (None, 3_600.0, None)
    deltas.begin(3_601.0)
    assert (deltas.dt, deltas.away, deltas.rise("a", 41)) == (1.0, 0.0, 1)


def test_what_counts_as_suspended_grows_with_the_interval() -> None:
    deltas = Deltas(300.0)
    deltas.begin(0.0)
    deltas.begin(2_900.0)
    assert (deltas.dt, deltas.away) == (2_900.0, 0.0)


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_deltas_of_a_counter_that_only_rises_sum_to_what_it_rose(steps: list[int]) -> None:
    deltas = Deltas(1.0)
    value, total = 0, 0.0
    for now, step in enumerate(steps):
        deltas.begin(float(now))
        value += step
        total += deltas.rise("a", value) or 0
    assert total == value - steps[0]
