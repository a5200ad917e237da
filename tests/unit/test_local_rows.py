"""A batch as one row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtpulse.transports.local import rows
from virtpulse.transports.local.failures import DamagedRowError
from virtpulse.transports.local.rows import Row, pack, unpack

MESSAGES = st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=100)), min_size=1, max_size=60)


@given(MESSAGES)
def test_what_is_packed_comes_back(messages: list[tuple[str, bytes]]) -> None:
    keys, values = [key for key, _ in messages], [value for _, value in messages]
    (row,) = pack(keys, values)
    assert row.messages == len(messages)
    assert unpack(row) == (keys, values)


@given(messages=MESSAGES, most=st.integers(1, 9), size=st.integers(1, 300))
def test_rows_are_bounded_and_keep_the_order(messages: list[tuple[str, bytes]], most: int, size: int) -> None:
    keys, values = [key for key, _ in messages], [value for _, value in messages]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "MAX_ROW_MESSAGES", most)
        patch.setattr(rows, "MAX_ROW_BYTES", size)
        packed = list(pack(keys, values))
    back = [unpack(row) for row in packed]
    assert [key for column, _ in back for key in column] == keys
    assert [value for _, column in back for value in column] == values
    assert all(row.messages == 1 or (row.messages <= most and len(row.body) <= size) for row in packed)


@given(messages=MESSAGES, cut=st.integers(0, 400), more=st.binary(max_size=4), count=st.integers(0, 70))
def test_a_damaged_row_is_told(messages: list[tuple[str, bytes]], cut: int, more: bytes, count: int) -> None:
    (row,) = pack([key for key, _ in messages], [value for _, value in messages])
    for damaged in (Row(row.messages, row.head[:cut] + more, row.body), Row(row.messages, row.head, row.body[:cut] + more)):
        if damaged != row:
            with pytest.raises(DamagedRowError):
                unpack(damaged)
    try:
        keys, values = unpack(Row(count, row.head, row.body))
    except DamagedRowError:
        return
    assert len(keys) == len(values) == count


@given(messages=MESSAGES, where=st.integers(min_value=0), change=st.integers(1, 255))
def test_a_changed_byte_is_told(messages: list[tuple[str, bytes]], where: int, change: int) -> None:
    (row,) = pack([key for key, _ in messages], [value for _, value in messages])
    content = bytearray(row.head + row.body)
    content[where % len(content)] ^= change
    with pytest.raises(DamagedRowError):
        unpack(Row(row.messages, bytes(content[: len(row.head)]), bytes(content[len(row.head) :])))


def test_repeated_keys_are_stored_once() -> None:
    (row,) = pack(["a-rather-long-key"] * 1_000, [b""] * 1_000)
    assert len(row.head) == 4 + 4 * 1_000 + 2 + 2 + len("a-rather-long-key")
