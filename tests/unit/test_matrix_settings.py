"""The settings of the chat bot, and what is said where they are wrong."""

import sys
from pathlib import Path

import msgspec
import pytest

from sinks.matrix.role import ROLE
from sinks.matrix.settings import MatrixSettings
from virtpulse.clock import SystemClock
from virtpulse.config.load import Origin, load
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.wiring import SETTINGS

WHOLE = MatrixSettings(
    homeserver="https://matrix.example.org",
    user="@virtpulse:example.org",
    password=Secret("hunter22"),
    rooms=("!abc:example.org", "#ops:example.org", "!hashed"),
    people=("@anna:example.org",),
)


def settings_of(text: str, folder: Path) -> MatrixSettings:
    path = folder / "virtpulse.toml"
    path.write_text(text, encoding="utf-8")
    return load(Origin(path), SETTINGS, {}).role("sinks", "matrix", MatrixSettings)


def test_the_settings_are_read_from_the_file(tmp_path: Path) -> None:
    text = """
[sinks.matrix]
homeserver = "https://matrix.example.org"
user = "@virtpulse:example.org"
password = "hunter22"
rooms = ["!abc:example.org", "#ops:example.org", "!hashed"]
people = ["@anna:example.org"]
"""
    assert settings_of(text, tmp_path) == WHOLE


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('rooms = ["ops"]', 'must be ids as !abc:example.org or aliases as #ops:example.org, got "ops"'),
        ('people = ["anna"]', 'must be user ids as @anna:example.org, got "anna"'),
        ('prefix = "two words"', "must be a text"),
        ("history = 1", "Expected `int` >= 2"),
        ('room = ["!abc:example.org"]', "unknown key; did you mean sinks.matrix.rooms?"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        settings_of(f"[sinks.matrix]\n{line}\n", tmp_path)
    assert "line 2" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ({"homeserver": ""}, "sinks.matrix.homeserver must be the homeserver's URL, as https://matrix.example.org"),
        ({"homeserver": "matrix.example.org"}, 'as https://matrix.example.org, got "matrix.example.org"'),
        ({"user": "virtpulse"}, "sinks.matrix.user must be the bot's whole user id, as @virtpulse:example.org, got"),
        ({"password": None}, "sinks.matrix.password must be the bot's password, unless sinks.matrix.token is"),
        ({"token": Secret("syt_secret")}, "one of the two"),
        ({"rooms": ()}, "sinks.matrix.rooms must be the rooms that the bot answers in"),
        ({"people": ()}, "sinks.matrix.people must be the user ids that the bot answers"),
    ],
)
def test_a_bot_that_lacks_a_setting_does_not_start(without: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as error:
        ROLE.make(msgspec.structs.replace(WHOLE, **without), SystemClock())
    assert said in str(error.value)
    assert "hunter22" not in str(error.value)
    assert "syt_secret" not in str(error.value)


@pytest.mark.parametrize("library", ["nio", "PIL"])
def test_a_bot_whose_libraries_are_not_installed_says_what_to_install(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library or name.startswith("sinks.matrix.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=r"the sink matrix needs the extra \[matrix\]: pip install 'virtpulse\[matrix\]'"):
        ROLE.make(WHOLE, SystemClock())


async def test_a_secret_that_cannot_be_had_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    bot = ROLE.make(msgspec.structs.replace(WHOLE, password=Secret("${NO_SUCH_SECRET}")), SystemClock())
    with pytest.raises(UsageError, match="the environment has no variable NO_SUCH_SECRET"):
        await bot.start()
