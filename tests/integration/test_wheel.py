"""The built wheel holds the four packages and nothing else, and is all that an empty environment needs."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"virtpulse", "producers", "processors", "sinks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed here, so that no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_exactly_the_four_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition("/")[0] for name in archive.namelist()}
    assert names - PACKAGES == {f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}
    assert names >= PACKAGES


def test_every_package_of_the_wheel_is_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {f"{package}/py.typed" for package in PACKAGES} <= set(archive.namelist())


def test_the_wheel_holds_every_module_of_the_tree_and_the_licence(wheel: Path) -> None:
    ours = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if name.endswith(".py")} == ours
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_works_in_an_empty_environment_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=60)
    install: list[str | Path] = [
        environment / "bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        ROOT / "constraints.txt",
        wheel,
    ]
    subprocess.run(install, check=True, timeout=180)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    command: list[str | Path] = [
        environment / "bin/virtpulse",
        "up",
        "--duration",
        "5s",
        "--json",
        "--set",
        "processors.windows.size=1s",
    ]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTPULSE"))}
    up = subprocess.run(
        command, cwd=folder, env=plain | {"XDG_STATE_HOME": str(tmp_path / "state")}, check=True, capture_output=True, timeout=60
    )
    documents = [json.loads(line) for line in up.stdout.splitlines()]
    assert documents
    assert all("system.memory.utilization" in document["resources"] for document in documents)
