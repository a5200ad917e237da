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
  ["b"]
]

[[rules]]
name = "x"
text = """ends in a quote""""  # ] not an end
[rules.facts]
"vm.state" = "x]"
[[rules]]
name = """
[no.table]
\\"""
no = "key"
"""
above = 1
  [[rules.parts]]  # of the second
  size = [
    1,
  ]
  [[ rules . parts ]]
  size = { a = 1 }
[rules.labels]
team = 'x'
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
        ("rules",): 17,
        ("rules", 1): 17,
        ("rules", 1, "name"): 18,
        ("rules", 1, "text"): 19,
        ("rules", 1, "facts"): 20,
        ("rules", 1, "facts", "vm.state"): 21,
        ("rules", 2): 22,
        ("rules", 2, "name"): 23,
        ("rules", 2, "above"): 28,
        ("rules", 2, "parts"): 29,
        ("rules", 2, "parts", 1): 29,
        ("rules", 2, "parts", 1, "size"): 30,
        ("rules", 2, "parts", 2): 33,
        ("rules", 2, "parts", 2, "size"): 34,
        ("rules", 2, "labels"): 35,
        ("rules", 2, "labels", "team"): 36,
    }


def test_a_line_ends_where_toml_says_so_and_nowhere_else() -> None:
    text = 'a = "x\u2028y\x85"\r\nb = 2\n'
    assert key_lines(text) == {("a",): 1, ("b",): 2}


def test_a_line_full_of_equals_signs_takes_no_time() -> None:
    signs = "=" * 120_000
    begun = time.process_time()
    assert key_lines(f'"{signs}" = 1\nsize = "{signs}"') == {("size",): 2}
    assert key_lines("\n".join([f'"{signs[:1_000]}"=1'] * 120)) == {}
    rows = "[],\n" * 40_000
    assert key_lines(f'text = """\n{signs}\n"""\nsize = [{rows}]') == {("text",): 1, ("size",): 4}
    assert time.process_time() - begun < 2


names = st.one_of(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.just("a b"), st.just("x = y"), st.just("[t]"))


@settings(deadline=None)
@given(st.dictionaries(names, st.dictionaries(names, st.integers(), max_size=4), max_size=4))
def test_the_line_of_a_key_is_the_one_that_it_was_written_on(tables: dict[str, dict[str, int]]) -> None:
    written: dict[tuple[str | int, ...], int] = {}
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


@settings(deadline=None)
@given(st.lists(st.tuples(names, st.dictionaries(names, st.just("]\n[[x]]"), max_size=3)), max_size=6))
def test_each_element_of_an_array_of_tables_has_lines_of_its_own(elements: list[tuple[str, dict[str, str]]]) -> None:
    written: dict[tuple[str | int, ...], int] = {}
    lines: list[str] = []
    counts: dict[str, int] = {}
    for array, keys in elements:
        counts[array] = counts.get(array, 0) + 1
        lines.append(f'[["{array}"]]')
        written.setdefault((array,), len(lines))
        written[array, counts[array]] = len(lines)
        for key, value in keys.items():
            lines += f'"{key}" = """{value}"""'.split("\n")
            written[array, counts[array], key] = len(lines) - 1
    text = "\n".join(lines)
    tomllib.loads(text)
    assert key_lines(text) == written
