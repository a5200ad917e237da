"""What README.md and CONTRIBUTING.md tell people to type works, and the examples in them are valid."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import jsonschema
import msgspec
import orjson
import pytest

from virtpulse.config.load import Configuration, Origin, load
from virtpulse.config.settings import LogSettings, Settings, UpSettings
from virtpulse.messages.reading import read_sample
from virtpulse.messages.schema import schemas
from virtpulse.topics import TOPICS
from virtpulse.transports.local.retention import Bounds, bounds_of
from virtpulse.transports.local.settings import LocalSettings, TopicSettings
from virtpulse.wiring import LIFTED, SETTINGS

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [page for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if page.exists()]
FOLLOWING: Final = "# until Ctrl-C"
SHORTER: Final = {"--duration 20s": "--duration 5s"}
SHORT_WINDOWS: Final = {"VIRTPULSE_PROCESSORS__WINDOWS__SIZE": "1s", "VIRTPULSE_PROCESSORS__WINDOWS__LATENESS": "500ms"}
LIMIT: Final = 30.0  # seconds


class Line(NamedTuple):
    """A line of a block of commands."""

    page: str
    text: str

    @property
    def follows(self) -> bool:
        """Whether it runs until somebody ends it."""
        return FOLLOWING in self.text


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            yield page, found[1]


def lines() -> list[Line]:
    return [Line(page.name, text) for page, block in blocks("sh") for text in block.splitlines() if text.strip()]


def typed(text: str) -> str:
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    return text


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a user in a new folder, with a state folder of its own and windows short enough for a test.

    SHELL is what a login sets; a machine that only runs jobs may have none.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRTPULSE_")}
    folder = tmp_path_factory.mktemp("user")
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "PWD": str(folder)}
    own = {"PATH": path, "SHELL": "/bin/bash", **home}
    return {**kept, **own, **SHORT_WINDOWS}


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_every_line_can_be_typed_one_after_the_other(environment: dict[str, str]) -> None:
    tried = [line for line in lines() if re.match(r"(virtpulse|echo|VIRTPULSE_)", line.text)]
    assert len(tried) > 20
    for line in tried:
        if line.follows:
            end_with_ctrl_c(line, environment)
        else:
            run_to_its_end(line, environment)


def run_to_its_end(line: Line, environment: dict[str, str]) -> None:
    command = ["bash", "-eu", "-o", "pipefail", "-c", typed(line.text)]
    done = subprocess.run(
        command, env=environment, cwd=environment["PWD"], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    assert "Traceback" not in done.stderr, (line, done.stderr)
    if not re.search(r"virtpulse (schema|version|--install)", line.text):
        assert all(isinstance(orjson.loads(document), dict) for document in done.stdout.splitlines()), line
    if re.match(r"virtpulse (up|watch|check|sources|positions show|schema|version)", line.text):
        silent = ("deadletters", "alerts", ">", "jsonl")  # whether anything fires is up to the machine
        assert done.stdout or any(word in line.text for word in silent), line


def end_with_ctrl_c(line: Line, environment: dict[str, str]) -> None:
    command = ["bash", "-euc", f"exec {typed(line.text)}"]
    with subprocess.Popen(
        command, env=environment, cwd=environment["PWD"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, (line, errors)
    assert b"Traceback" not in errors, (line, errors)


def test_every_line_is_of_a_kind_that_is_tried() -> None:
    """A line that begins with anything else would stand there untried."""
    kinds = (
        r"make [a-z-]+( ARGS=|\s|$)",
        r"(VIRTPULSE_\w+=\S+ |echo .* \| )?virtpulse ",
        r"(\.venv/bin/)?python \S+\.py( |$)",
    )
    assert [line for line in lines() if not re.match("|".join(kinds), line.text)] == []


def test_every_target_of_make_is_there() -> None:
    """They are not run: `make test` would run this test again."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = {*re.findall(r"^make ([a-z-]+)", text, re.MULTILINE), *re.findall(r"`make ([a-z-]+)", text)}
    assert {"up", "test"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_file_that_is_named_is_there() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    programs = re.findall(r"python (\S+\.py)", text)
    layout = re.findall(r"^((?:virtpulse|producers|processors|sinks|tests|benchmarks)/\S*)  ", text, re.MULTILINE)
    assert len(layout) == 13
    paths = re.findall(r"`((?:virtpulse|producers|processors|sinks|tests|benchmarks|docs)/[a-z_/.]*(?:\.py|/))`", text)
    assert [name for name in (*links, *programs, *layout, *paths) if not (ROOT / name).exists()] == []


def kind_of(document: dict[str, object]) -> str:
    marks = {"fingerprint": "alert", "missed": "late", "reason": "deadletter", "end": "aggregate", "first": "source"}
    return next((kind for mark, kind in marks.items() if mark in document), "sample")


def test_every_message_is_valid() -> None:
    kinds = set()
    for page, block in blocks("json"):
        document = orjson.loads(block)
        kind = kind_of(document)
        kinds.add(kind)
        jsonschema.validate(document, schemas()[f"{kind}.json"])
        if kind == "sample":
            read_sample(block.encode())
        assert page.name
    assert kinds >= {"sample", "aggregate", "source", "late", "deadletter", "alert"}


def test_ratios_in_the_examples_are_those_of_their_sums() -> None:
    for _, block in blocks("json"):
        document = orjson.loads(block)
        if kind_of(document) == "aggregate":
            for name in ("resources", "performance", "faults"):
                for cell in document[name].values():
                    assert cell["ratio"] == pytest.approx(100 * cell["part"] / cell["whole"])
            for cell in document["timings"].values():
                assert cell["mean"] == pytest.approx(cell["seconds"] / cell["operations"], rel=1e-2)


def test_the_configuration_loads_and_names_every_setting_with_its_default(tmp_path: Path) -> None:
    path = tmp_path / "virtpulse.toml"
    for _, block in blocks("toml"):
        path.write_text(block, encoding="utf-8")
        configuration = load(Origin(path), SETTINGS, {}, lifted=LIFTED)
        if "[local]" in block:
            names_every_setting(block, configuration)


def names_every_setting(block: str, configuration: Configuration) -> None:
    """Check the block of defaults; what has no default stands in a comment."""
    written = tomllib.loads(block)
    for section, roles in SETTINGS.items():
        for name, settings in roles.items():
            defaults = msgspec.structs.asdict(settings()())
            above = {field for field, role in LIFTED.items() if role == (section, name)}
            without = [key for key, value in defaults.items() if value is None]
            named = {key for key in without if re.search(rf"^#.*\b{key}\b", block, re.MULTILINE)}
            fields = {field.encode_name for field in msgspec.structs.fields(settings())}
            assert written[section][name].keys() | named == fields - above, (section, name)
            told = msgspec.structs.asdict(configuration.roles[section][name])
            differing = [key for key in told if key not in above and list_or_value(told[key]) != list_or_value(defaults[key])]
            assert differing in ([], ["hop"]), (section, name)


def test_the_configuration_names_every_setting_of_the_core_and_bounds_each_topic_as_by_default(tmp_path: Path) -> None:
    (block,) = (block for page, block in blocks("toml") if page.name == "README.md" and "[local]" in block)
    path = tmp_path / "virtpulse.toml"
    path.write_text(block, encoding="utf-8")
    written = tomllib.loads(block)
    for kind, table in (
        (Settings, {key: value for key, value in written.items() if key not in {*SETTINGS, *LIFTED}}),
        (LogSettings, written["log"]),
        (UpSettings, written["up"]),
        (LocalSettings, written["local"]),
        (TopicSettings, written["local"]["topics"]["samples"]),
    ):
        assert table.keys() == {field.encode_name for field in msgspec.structs.fields(kind)}, kind
    told = load(Origin(path), SETTINGS, {}, lifted=LIFTED).settings.local
    assert [bounds_of(topic, told) for topic in TOPICS.values()] == [Bounds(topic[2], topic[3]) for topic in TOPICS.values()]


def list_or_value(value: object) -> object:
    return list(value) if isinstance(value, (tuple, list)) else value
