# ruff: file-ignore[RUF001] - the signs that look like others are what is tested

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtpulse.harmless import harmless

_LIKE_AN_ATTACK = st.lists(
    st.sampled_from(
        [
            "@",
            "room",
            "<",
            "!channel",
            ">",
            "[",
            "]",
            "(",
            ")",
            "://",
            ":",
            "//",
            "_",
            "*",
            "`",
            "\n",
            "\u200b",
            "\u202e",
            "&",
            "#64;",
            "x",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kvm-07/web-3 uses 93 % of its CPU", "kvm-07/web-3 uses 93 % of its CPU"),
        ("@room: pay", "(at)room: pay"),
        ("\uff20everyone", "(at)everyone"),
        ("<!channel> & <@U024>", "‹!channel› + ‹(at)U024›"),
        ("&#64;room", "+#64;room"),
        ("[free](http://evil)", "[free] (http[:]//evil)"),
        ("]@x](y", "] (at)x] (y"),
        ("**bold** `code` ~~gone~~ ||spoiler||", "∗∗bold∗∗ 'code' ∼∼gone∼∼ ¦¦spoiler¦¦"),
        ("vm.disk.operation_time", "vm.disk.operation_time"),
        ("_slanted_", "ˍslantedˍ"),
        ("one\r\ntwo\tthree\x1b[31m\u2028four", "one two three [31m four"),
        ("@\u200broom \u202eabc", "(at) room abc"),
        ("lone \ud800 half", "lone half"),
        ("", ""),
    ],
)
def test_text_from_outside_becomes_one_line_without_mentions_and_markup(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_what_is_longer_than_the_limit_is_cut_and_says_so() -> None:
    assert harmless("x" * 201) == "x" * 199 + "…"
    assert harmless("x" * 200) == "x" * 200
    assert harmless("word and more", 6) == "word…"
    assert harmless(" " * 1000 + "hidden", 10) == "…"
    assert harmless("abc", 0) == ""
    assert harmless("@room " * 170_000, 20) == "(at)room (at)room (…"


@given(st.text() | _LIKE_AN_ATTACK, st.integers(0, 300))
def test_no_text_keeps_what_a_service_could_act_on(text: str, limit: int) -> None:
    shown = harmless(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert not set("@<>&*`~|\uff20\ufe6b") & set(shown)
    assert "](" not in shown
    assert "://" not in shown
    assert harmless(shown, limit) == shown
