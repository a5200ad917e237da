"""File, environment and command line into typed values; every refusal says what, where and what else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from virtpulse.config.load import Configuration, Origin, load
from virtpulse.config.secrets import Secret
from virtpulse.errors import UsageError
from virtpulse.units import Duration, Size


class Windows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role's settings."""

    size: Duration = Duration(10)
    hop: Duration | None = None
    batch: Annotated[int, msgspec.Meta(ge=1)] = 5_000
    room: Size = Size(1)
    names: tuple[str, ...] = ()
    password: Secret | None = None

    def __post_init__(self) -> None:
        """Check what no type can."""
        if self.hop is not None and self.hop > self.size:
            msg = "hop must not be larger than size"
            raise ValueError(msg)


Load = Callable[..., Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def call(
        text: str | bytes = "",
        *,
        environ: Mapping[str, str] | None = None,
        assignments: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
    ) -> Configuration:
        file = tmp_path / "virtpulse.toml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        types = {"producers": {}, "processors": {"windows": lambda: Windows}, "sinks": {}}
        return load(Origin(file, assignments, options or {}), types, environ or {})

    return call


def windows(configuration: Configuration) -> Windows:
    found = configuration.role("processors", "windows", Windows)
    assert isinstance(found, Windows)
    return found


def test_without_anything_the_defaults_hold(read: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    configuration = read()
    assert configuration.settings.transport == "local:/state/virtpulse/virtpulse.db"
    assert windows(configuration) == Windows()


def test_the_state_folder_is_in_the_home_where_the_variable_is_missing_or_relative(
    read: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "not/absolute"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert read().settings.transport == "local:/home/me/.local/state/virtpulse/virtpulse.db"


def test_each_place_wins_over_the_one_before(read: Load) -> None:
    text = 'transport = "local:file"\n[processors.windows]\nsize = "1s"\nbatch = 1\nroom = "1MiB"\n'
    environ = {"VIRTPULSE_PROCESSORS__WINDOWS__BATCH": "2", "VIRTPULSE_PROCESSORS__WINDOWS__ROOM": "2MiB"}
    configuration = read(
        text,
        environ=environ,
        assignments=["processors.windows.room=3MiB", "transport=local:set"],
        options={"transport": "local:o"},
    )
    assert windows(configuration) == Windows(size=Duration(1), batch=2, room=Size(3 << 20))
    assert configuration.settings.transport == "local:o"


def test_the_file_that_the_environment_names_is_read(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('transport = "local:other"', encoding="utf-8")
    configuration = load(Origin(), {}, {"VIRTPULSE_CONFIG": str(file)})
    assert (configuration.settings.transport, configuration.file) == ("local:other", file)


def test_the_file_here_is_read_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(Origin(), {}, {}).file is None
    (tmp_path / "virtpulse.toml").write_text('transport = "local:here"', encoding="utf-8")
    assert load(Origin(), {}, {}).settings.transport == "local:here"


def test_a_value_from_outside_the_file_is_toml_or_else_text(read: Load) -> None:
    found = windows(read(assignments=["processors.windows.names=['a', 'b']", "processors.windows.size=2s"]))
    assert (found.names, found.size) == (("a", "b"), 2.0)
    assert read(assignments=["transport=123"]).settings.transport == "123"
    assert read(assignments=["transport=a\nb=1"]).settings.transport == "a\nb=1"


def test_variables_that_are_no_settings_are_left_alone(read: Load) -> None:
    secrets = {"VIRTPULSE_KAFKA_PASSWORD": "x", "VIRTPULSE_TRANSPORT_PASSWORD": "x", "VIRTPULSE_SINKS_TOKEN": "x"}
    configuration = read(environ={**secrets, "VIRTPULSE_TRANSPORT": "", "OTHER__X": "1"})
    assert configuration.settings.transport.startswith("local:/")


REFUSALS = [
    (
        '[processors.windows]\n\nsise = "2s"',
        "processors.windows.sise (line 3 of FILE): unknown key; did you mean processors.windows.size? known here: ",
    ),
    ("[processors.windoes]\n", "processors.windoes (line 1 of FILE): unknown key; did you mean processors.windows?"),
    ('[[rules]]\nname = "x"', "rules (line 1 of FILE): unknown key"),
    ('log = "x"', 'log (line 1 of FILE) must be a table, [log], got "x"'),
    ('processors.windows = "x"', "processors.windows (line 1 of FILE) must be a table, [processors.windows]"),
    ("[processors.windows]\nsize = 5", 'processors.windows.size (line 2 of FILE) must be a duration such as "10s"'),
    ("[processors.windows]\nroom = 5", 'processors.windows.room (line 2 of FILE) must be a size such as "64MiB"'),
    ('[processors.windows]\nbatch = "x"', 'processors.windows.batch (line 2 of FILE) must be a whole number, got "x"'),
    ("[processors.windows]\nbatch = 0", "must be a whole number, got 0 (Expected `int` >= 1)"),
    ("[processors.windows]\nnames = [1]", "processors.windows.names (line 2 of FILE) must be an array, each a text, got [1]"),
    ('[processors.windows]\nsize = "1s"\nhop = "2s"', "processors.windows.hop (line 3 of FILE) must not be larger than size"),
    ('[log]\nformat = "xml"', 'log.format (line 2 of FILE) must be one of "console", "json", got "xml"'),
    (
        '[local.topics.sample]\nmax_age = "1d"',
        "local.topics.sample (line 1 of FILE): unknown key; did you mean local.topics.samples?",
    ),
    ("[local.topics.late]\nmax_age = 1", 'local.topics.late.max_age (line 2 of FILE) must be a duration such as "10s"'),
    ("a = ", "FILE is not TOML: Invalid value (at end of document)"),
    ("a = 1\nb 2", "FILE is not TOML: Expected '=' after a key in a key/value pair (at line 2, column 3)"),
    (b'a = "\xff"', "FILE is not UTF-8 text: line 1 has the byte 0xff"),
    ("a = " + "[" * 100_000, "FILE is nested too deeply"),
    ("a = " + "9" * 10_000, "FILE is not TOML"),
]


@pytest.mark.parametrize(("text", "said"), REFUSALS)
def test_a_wrong_file_is_refused_with_key_place_and_what_is_allowed(
    read: Load, tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert said.replace("FILE", str(tmp_path / "virtpulse.toml")) in str(caught.value)


def test_a_wrong_variable_is_named(read: Load) -> None:
    with pytest.raises(UsageError, match=r"log.formatt \(environment variable VIRTPULSE_LOG__FORMATT\): unknown key"):
        read(environ={"VIRTPULSE_LOG__FORMATT": "json"})
    with pytest.raises(UsageError, match=r"variable VIRTPULSE_TRANSPROT names no setting; did you mean VIRTPULSE_TRANSPORT\?"):
        read(environ={"VIRTPULSE_TRANSPROT": "local:a"})
    with pytest.raises(UsageError, match=r"VIRTPULSE_PROCESSORS_WINDOWS_SIZE names no setting: .* two underscores"):
        read(environ={"VIRTPULSE_PROCESSORS_WINDOWS_SIZE": "1m"})
    with pytest.raises(UsageError, match="environment variable VIRTPULSE___X names no setting"):
        read(environ={"VIRTPULSE___X": "1"})
    with pytest.raises(UsageError, match=r"transport.x .*: transport is a value, not a table"):
        read(environ={"VIRTPULSE_TRANSPORT": "local:a", "VIRTPULSE_TRANSPORT__X": "1"})


@pytest.mark.parametrize("assignment", ["", "size", "=1", ".a=1", "a..b=1"])
def test_a_set_that_assigns_nothing_is_refused_with_an_example(read: Load, assignment: str) -> None:
    with pytest.raises(UsageError, match=r"--set must be KEY=VALUE, as in --set processors\.windows\.size=2s"):
        read(assignments=[assignment])


def test_a_file_that_cannot_be_read_is_said_with_the_reason(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=reason):
            load(Origin(path), {}, {})


def test_a_secret_is_never_part_of_a_refusal(read: Load) -> None:
    assert windows(read('[processors.windows]\npassword = "${PASSWORD}"')).password == Secret("${PASSWORD}")
    with pytest.raises(UsageError) as caught:
        read("[processors.windows]\npassword = 123456")
    assert "123456" not in str(caught.value)


keys = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True).filter(
    lambda key: key not in {"transport", "log", "local", "up", "producers", "processors", "sinks", *Windows.__struct_fields__}
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys, st.sampled_from(["", "[log]\n", "[processors.windows]\n"]))
def test_an_unknown_key_is_always_named_with_its_line(read: Load, key: str, table: str) -> None:
    if table == "[log]\n" and key in {"format", "level"}:
        return
    with pytest.raises(UsageError) as caught:
        read(f"{table}{key} = 1")
    assert key in str(caught.value)
    assert f"line {1 + bool(table)} of" in str(caught.value)


toml_like = st.lists(st.sampled_from([*"[]=\"'.,{}#\\\n \t0a", "log", "processors.windows", "size", '"2s"', "\xff"])).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=60), toml_like.map(str.encode)))
def test_any_bytes_are_read_or_refused(read: Load, text: bytes) -> None:
    try:
        read(text)
    except UsageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, anything else is raised


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_assignments_are_read_or_refused(read: Load, assignments: list[str]) -> None:
    try:
        read(assignments=assignments)
    except UsageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, anything else is raised
