"""Servers that several tests share, and the commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Result, Run
from tests.homeserver import Homeserver
from virtpulse.cli.main import main


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logs_as_before: None,  # noqa: ARG001 it acts by being there
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs a command in this process, in a folder of its own and with a log of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("VIRTPULSE_CONFIG", raising=False)

    def call(*arguments: str) -> Result:
        capfd.readouterr()  # what a fixture has logged is not of this command
        code = main(arguments)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """Return a Matrix homeserver that runs; a test that stops it starts it again. For tests with `needs("synapse")`."""
    server = Homeserver(tmp_path_factory.mktemp("homeserver"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
