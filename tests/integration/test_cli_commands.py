"""The commands, in this process, on a real log: what they print, report and return."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from virtpulse import __version__


def sample(source: str, time: float, **metrics: tuple[float, float]) -> dict[str, Any]:
    return {"source": source, "time": time, "resources": metrics or {"cpu": [1, 4]}}


def write(path: Path, *lines: object) -> str:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_good_lines_are_sent_and_bad_ones_reported_with_their_numbers(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", sample("a", 1.0), "nope", "", [sample("a", 2.0), sample("../x", 3.0)], sample("b", 4.0))
    result = run("publish", "samples", file)
    assert result.code == 1
    assert result.out == ""
    assert "line 2: message must be JSON" in result.err
    assert "line 4: source must be" in result.err
    watched = run("watch", "samples", "--drain")
    assert [(found["source"], found["time"]) for found in watched.documents] == [("a", 1.0), ("a", 2.0), ("b", 4.0)]


def test_a_file_without_a_bad_line_ends_well(run: Run, tmp_path: Path) -> None:
    assert run("publish", "samples", write(tmp_path / "s.jsonl", sample("a", 1.0))).code == 0


def test_raw_lines_are_stored_as_they_are_and_watched_without_harm(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", "nope", "3", "[" * 5_000, sample("a", 1.0))
    assert run("publish", "samples", "--raw", file).code == 0
    watched = run("watch", "samples", "--drain")
    assert [found["source"] for found in watched.documents] == ["a"]
    assert watched.err.count("not shown") == 3


def test_a_drained_processor_leaves_windows_and_dead_letters(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", *(sample("a", float(time)) for time in range(10)), "nope")
    run("publish", "samples", "--raw", file)
    done = run("run", "processor", "windows", "--drain", "--set", "processors.windows.size=5s")
    assert (done.code, done.out) == (0, "")
    aggregates = run("watch", "aggregates", "--drain").documents
    assert [(found["start"], found["resources"]["cpu"]["ratio"]) for found in aggregates] == [(0.0, 25.0), (5.0, 25.0)]
    (letter,) = run("watch", "deadletters", "--drain").documents
    assert (letter["field"], letter["message"]) == ("message", "nope")
    (source,) = run("sources", "list").documents
    assert source["source"] == "a"
    assert run("run", "sink", "console", "--drain", "--json").documents == aggregates


def test_watch_shows_the_sources_metrics_and_number_asked_for(run: Run, tmp_path: Path) -> None:
    lines = [sample(f"h/{number}", float(number), **{"a.x": (1, 2), "b.y": (1, 2)}) for number in range(5)]
    run("publish", "samples", write(tmp_path / "s.jsonl", *lines))
    watched = run("watch", "samples", "--from", "start", "--source", "h/?", "--metric", "a.*", "--count", "2")
    assert [(found["source"], list(found["resources"])) for found in watched.documents] == [("h/0", ["a.x"]), ("h/1", ["a.x"])]
    assert run("watch", "samples", "--drain", "--metric", "c.*").out == ""
    assert run("watch", "samples", "--drain", "--from", "now").out == ""


def test_positions_are_shown_and_reset(run: Run, tmp_path: Path) -> None:
    run("publish", "samples", write(tmp_path / "s.jsonl", sample("a", 1.0), sample("a", 2.0)))
    assert run("positions", "show").out == ""
    run("run", "processor", "windows", "--drain")
    (after,) = run("positions", "show", "windows").documents
    assert (after["topic"], after["following"], after["lag"]) == ("samples", after["end"], 0)
    assert run("positions", "reset", "windows", "--to", "start").code == 0
    (start,) = run("positions", "show").documents
    assert (start["following"], start["lag"] >= 2) == (0, True)
    assert run("positions", "reset", "windows", "--to", "end").code == 0
    (end,) = run("positions", "show").documents
    assert (end["following"], end["first_needed"], end["lag"]) == (end["end"], end["end"], 0)


@pytest.mark.parametrize(
    ("group", "lost"),
    [
        ("windows", "the inventory of sources, and the windows that were open"),
        ("alerts", "what fired: nobody is told that it is resolved, and what is still wrong fires anew"),
        ("chat", "who was told what: all that fires is told again"),
        ("jsonl", "nothing"),
    ],
)
def test_a_reset_says_what_is_lost_with_the_position(run: Run, group: str, lost: str) -> None:
    result = run("positions", "reset", group, "--to", "end")
    assert result.code == 0
    (said,) = [log for log in map(json.loads, result.err.splitlines()) if log["event"] == "position set"]
    assert (said["group"], said["lost"]) == (group, lost)


def test_the_positions_are_shown_whatever_a_sink_makes_of_its_settings(run: Run) -> None:
    assert run("positions", "show", "--set", "sinks.jsonl.path=no-place-for-the-time.jsonl").code == 0


def test_after_a_reset_everything_is_handled_again_and_nothing_is_late(run: Run, tmp_path: Path) -> None:
    lines = [sample(f"h/{number % 3}", float(number)) for number in range(60)]
    run("publish", "samples", write(tmp_path / "s.jsonl", *lines))
    drained = ("run", "processor", "windows", "--drain")
    run(*drained)
    once = run("watch", "aggregates", "--drain").documents
    assert run("positions", "reset", "windows", "--to", "start").code == 0
    assert run("sources", "list").documents == []
    run(*drained)
    assert run("watch", "aggregates", "--drain").documents == [*once, *once]
    assert run("watch", "late", "--drain").out == ""
    assert len(run("sources", "list").documents) == 3


def test_a_reset_takes_more_state_than_one_step_holds(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtpulse.cli.positions._STEP", 3)
    lines = [sample(f"h/{number}", float(time)) for number in range(10) for time in (1, 30)]
    run("publish", "samples", write(tmp_path / "s.jsonl", *lines))
    run("run", "processor", "windows", "--drain")
    assert len(run("sources", "list").documents) == 10
    assert run("positions", "reset", "windows", "--to", "end").code == 0
    assert run("sources", "list").documents == []
    (end,) = run("positions", "show").documents
    assert (end["following"], end["lag"]) == (end["end"], 0)


def test_check_says_what_would_run_and_with_what(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "virtpulse.toml", 'transport = "local:x.db"', "[processors.windows]", 'size = "90s"')
    result = run("check", "--set", 'up.sinks=["jsonl"]')
    (report,) = result.documents
    assert (result.code, report["fault"], report["transport"]) == (0, None, "local:x.db")
    assert report["configuration"] == str(tmp_path / "virtpulse.toml")
    assert report["up"] == {"producers": ["host"], "processors": ["windows", "alerts"], "sinks": ["jsonl"]}
    assert report["settings"]["processors.windows"]["size"] == "90s"


def test_what_a_terminal_could_obey_is_written_out(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtpulse.cli.check.prints_json", lambda *, asked: asked)
    shown = run("check", "--transport", f"local:{tmp_path}/\x1b[2J\u202e\u200b.db")
    assert shown.code == 0
    assert all(line.isprintable() for line in shown.out.split("\n"))
    failed = run("check", "--transport", "\x1b[2J\u202e\n\u200b")
    assert failed.code == 2
    assert failed.err.removesuffix("\n").isprintable()


def test_check_finds_settings_that_would_fail_only_when_their_role_runs(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "virtpulse.toml", "[sinks.jsonl]", 'path = "aggregates.jsonl"')
    result = run("check")
    assert result.code == 2
    assert "sinks.jsonl.path must have {time} once" in result.err


def test_check_tells_a_transport_that_does_not_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all" * 1_000)
    result = run("check", "--transport", "local:x.db")
    assert result.code == 1
    assert result.documents[0]["fault"]


def test_schemas_are_written_and_named(run: Run, tmp_path: Path) -> None:
    result = run("schema", str(tmp_path / "new" / "schemas"))
    assert result.code == 0
    names = [Path(line) for line in result.out.splitlines()]
    assert {"sample.json", "aggregate.json"} <= {name.name for name in names}
    assert all(json.loads(name.read_text(encoding="utf-8")) for name in names)


def test_the_version_is_printed(run: Run) -> None:
    assert run("version").out == f"virtpulse {__version__}\n"
    assert run("--version").out == run("version").out == f"virtpulse {__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        (), ("up",), ("run",), ("run", "producer"), ("run", "processor"), ("run", "sink"), ("watch",), ("publish", "samples"),
        ("check",), ("schema",), ("alerts", "list"), ("silence", "add"), ("silence", "list"), ("silence", "remove"),
        ("sources", "list"), ("sources", "end"), ("sources", "forget"), ("positions", "show"), ("positions", "reset"),
        ("version",),
    ],
)  # fmt: skip
def test_every_command_explains_itself(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: virtpulse")
    if len(command) > 1 or command in {("up",), ("watch",), ("check",), ("schema",)}:
        assert "Example" in result.out
    if command not in {(), ("run",), ("schema",), ("version",)}:
        assert "--transport" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runn",), 'Did you mean "run"?'),
        (("run", "producer", "hots"), 'Did you mean "host"?'),
        (("run", "processor", "window"), "windows"),
        (("run", "sink"), "NAME"),
        (("watch", "bogus"), "Choose from"),
        (("watch", "sample"), "samples"),
        (("watch", "samples", "--count", "0"), "Must be >= 1"),
        (("watch", "samples", "--transprot", "local:x"), "--transport"),
        (("watch", "samples", "--from", "yesterday"), '--from must be start, now or how long ago, as in 10m, got "yesterday"'),
        (("watch", "samples", "--from", "-5m"), "--from must be start, now or how long ago"),
        (("watch", "samples", "--all"), "--all goes with alerts, not with samples"),
        (("up", "--duration", "3"), '--duration must be a duration such as "10s"'),
        (("up", "--duration", "-5s"), '--duration must be a duration such as "10s"'),
        (("up", "--duration", "0s"), "--duration must be above 0"),
        (("run", "sink", "jsonl", "--json"), "--json goes with the sink console"),
        (("up", "--set", "processors.windows.sise=2s"), "did you mean processors.windows.size?"),
        (("up", "--set", 'up.sinks=["consol"]'), "did you mean console?"),
        (("check", "--config", "none.toml"), "none.toml cannot be read"),
        (("check", "--transport", "kafka://host:9092"), "does not have the transport kafka:// yet"),
        (("check", "--transport", "virtpulse.db"), "use local:PATH"),
        (("publish", "samples", "none.jsonl"), "none.jsonl cannot be read"),
        (("publish", "samples", "--speed", "0"), "--speed must be"),
        (("publish", "samples", "--speed", "1", "--raw"), "--speed cannot go with --raw"),
        (("positions", "reset", "windoes", "--to", "start"), "there are: windows"),
        (("positions", "show", "nogroup"), 'the group "nogroup" is not known; there are: windows'),
    ],
)
def test_wrong_usage_is_said_in_one_line_and_ends_with_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert result.err.startswith("virtpulse: ")
    assert len(result.err.splitlines()) == 1


def test_a_wrong_file_names_file_and_line(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "v.toml", "[sinks.console]", 'fromat = "json"')
    result = run("up", "--config", "v.toml")
    assert result.code == 2
    assert "sinks.console.fromat (line 2 of v.toml): unknown key; did you mean sinks.console.format?" in result.err


def test_secrets_are_in_no_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTPULSE_TRANSPORT", "mqtt://me:verysecret@host")
    result = run("check")
    assert result.code == 2
    assert "verysecret" not in result.out + result.err
