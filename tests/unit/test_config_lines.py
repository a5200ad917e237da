"""Where keys stand in a TOML text."""

import time
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from virtpulse.config.lines import key_lines

TEXT = '''\
transport = "local:a"   # = not a key
# size = 1

[processors.windows]
size = "2s"
"odd = key" = 1
lateness.min = 3
text = """
hop = "in a text"
"""
hop = "1s"
topics = [
  ["a"],
]

[[rules]]
name = "x"
'''


def test_tables_and_keys_are_found_on_their_lines() -> None:
    assert key_lines(TEXT) == {
        ("transport",): 1,
        ("processors", "windows"): 4,
        ("processors", "windows", "size"): 5,
        ("processors", "windows", "odd = key"): 6,
        ("processors", "windows", "lateness", "min"): 7,
        ("processors", "windows", "text"): 8,
        ("processors", "windows", "hop"): 11,
        ("processors", "windows", "topics"): 12,
        ("rules",): 16,
        ("rules", "name"): 17,
    }


def test_a_line_full_of_equals_signs_takes_no_time() -> None:
    signs = "=" * 120_000
    begun = time.process_time()
    assert key_lines(f'"{signs}" = 1\nsize = "{signs}"') == {("size",): 2}
    assert key_lines("\n".join([f'"{signs[:1_000]}"=1'] * 120)) == {}
    assert time.process_time() - begun < 2


names = st.one_of(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.just("a b"), st.just("x = y"), st.just("[t]"))


@settings(deadline=None)
@given(st.dictionaries(names, st.dictionaries(names, st.integers(), max_size=4), max_size=4))
def test_the_line_of_a_key_is_the_one_that_it_was_written_on(tables: dict[str, dict[str, int]]) -> None:
    written: dict[tuple[str, ...], int] = {}
    lines: list[str] = []
    for table, keys in tables.items():
        lines.append(f'["{table}"]')
        written[table,] = len(lines)
        for key, value in keys.items():
            lines.append(f'"{key}" = {value}')
            written[table, key] = len(lines)
    text = "\n".join(lines)
    assert tomllib.loads(text) == tables
    assert key_lines(text) == written
