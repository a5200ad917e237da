"""What a terminal is shown is nothing that it could obey."""

import json

from hypothesis import given
from hypothesis import strategies as st

from virtpulse.printable import printable_json

ANY = st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(ANY)
def test_json_for_a_terminal_says_the_same_in_printable_characters(document: object) -> None:
    line = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    shown = printable_json(line) if b"\xed" not in line else line
    assert json.loads(shown.decode("utf-8", "surrogatepass")) == document
    if b"\xed" not in line:
        assert shown.decode().isprintable()


def test_spaces_of_any_kind_between_tokens_stay_spaces() -> None:
    assert json.loads(printable_json(b'{"source":\t"a",\r\n"time":1}')) == {"source": "a", "time": 1}


def test_commands_to_a_terminal_become_escapes() -> None:
    assert printable_json('{"a":"\x9b2J\u202e\x7f\U000e0001"}'.encode()) == rb'{"a":"\u009b2J\u202e\u007f\udb40\udc01"}'
