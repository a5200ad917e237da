"""What people write to the chat bot, and how it is read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.matrix.commands import (
    MAX_CHARS,
    Alerts,
    Command,
    CommandError,
    Help,
    Silenced,
    Silencing,
    Status,
    Top,
    Unsilencing,
    Why,
    addressed,
    parse,
)

USER = "@virtpulse:example.org"
NAMES = ("Pulse of ops", "virtpulse")


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("!vp status", "status"),
        ("  !vp   status kvm-07 ", "status kvm-07 "),
        ("!vp: status", "status"),
        ("!vp", ""),
        ("@virtpulse:example.org status", "status"),
        ("@virtpulse:example.org: status", "status"),
        ("virtpulse: status", "status"),
        ("VirtPulse, status", "status"),
        ("pulse of OPS: status", "status"),
    ],
)
def test_a_message_that_begins_with_the_prefix_or_the_name_is_for_the_bot(body: str, command: str) -> None:
    assert addressed(body, "!vp", USER, NAMES) == command


@pytest.mark.parametrize(
    "body",
    [
        "status",
        "!vpstatus",
        "virtpulse is down",
        "@virtpulse:example.organic status",
        "say !vp status",
        "> !vp status",
        "",
        "* !vp status",
    ],
)
def test_any_other_message_is_not(body: str) -> None:
    assert addressed(body, "!vp", USER, NAMES) is None


def test_a_bot_without_a_display_name_is_not_called_by_a_colon() -> None:
    assert addressed(": status", "!vp", USER, ("", "virtpulse")) is None


def test_a_megabyte_of_text_is_cut_before_it_is_looked_at() -> None:
    begun = time.perf_counter()
    found = addressed("!vp " + "status " * 150_000, "!vp", USER, NAMES)
    assert found is not None
    assert len(found) <= MAX_CHARS
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("help", Help()),
        ("status", Status()),
        ("STATUS kvm-07/web-3", Status("kvm-07/web-3")),
        ("top CPU", Top("cpu")),
        ("alerts", Alerts("*")),
        ("alerts kvm-*", Alerts("kvm-*")),
        ("silences", Silenced()),
        ("silence host=kvm-07 2h", Silencing(("host=kvm-07",), 7200.0, "")),
        (
            "silence host=kvm-07 severity!=critical for 1m30s new  disks",
            Silencing(("host=kvm-07", "severity!=critical"), 90.0, "new disks"),
        ),
        ("silence host=kvm-0\u2217 2h", Silencing(("host=kvm-0*",), 7200.0, "")),
        ("unsilence A1B2C3D4", Unsilencing("a1b2c3d4")),
        ("why A1B2", Why("a1b2")),
    ],
)
def test_a_command_is_read(text: str, command: Command) -> None:
    found = parse(text)
    assert (type(found), found) == (type(command), command)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stauts", 'there is no command "stauts"; did you mean status?'),
        ("__import__('os')", "there is no command \"ˍˍimportˍˍ('os')\"; help says what there is"),
        ("@room", 'there is no command "(at)room"; help says what there is'),
        ("status a b", "it is: status [SOURCE]"),
        ("top", "top takes one of cpu, memory, disk, network, faults, as in: top cpu"),
        ("top gpu", "top takes one of cpu, memory, disk, network, faults, as in: top cpu"),
        ("alerts a b", "it is: alerts [GLOB], a glob of a source or an alert's name"),
        ("silence 2h", "it is: silence MATCHER... FOR [reason], as in: silence host=kvm-07 severity=warning 2h new disks"),
        (
            "silence host=kvm-07",
            "it is: silence MATCHER... FOR [reason], as in: silence host=kvm-07 severity=warning 2h new disks",
        ),
        ("unsilence", "it is: unsilence ID; silences lists them"),
        ("why", "it is: why FINGERPRINT, or its first 4 characters and more; alerts lists them"),
        ("why zzzz", "it is: why FINGERPRINT, or its first 4 characters and more; alerts lists them"),
    ],
)
def test_what_is_no_command_is_answered_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(CommandError) as error:
        parse(text)
    assert str(error.value) == said


def test_a_duration_that_cannot_be_read_is_named() -> None:
    with pytest.raises(CommandError, match=r'how long must be a duration as 30m, 2h or 7d, got "tomorrow"'):
        parse("silence host=x tomorrow")


@given(st.text(max_size=200))
def test_whatever_is_written_it_is_read_or_refused_with_harmless_words(text: str) -> None:
    said = ""
    try:
        parse(text)
    except CommandError as error:
        said = str(error)
    assert "@" not in said
    assert said.isprintable()
