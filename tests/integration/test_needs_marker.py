"""Tests that need a program are left out where it is missing, which is said; in CI that fails the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.needs("prometheus")
def test_with_prometheus() -> None: ...

@pytest.mark.needs("NAME")
def test_with_another() -> None: ...

def test_with_nothing() -> None: ...
"""


def _run(folder: Path, name: str = "alertmanager", *, options: tuple[str, ...] = (), **environ: str) -> tuple[int, str]:
    """Run such tests where no program is on the path; return the exit code and what was printed."""
    file = folder / "test_programs.py"
    file.write_text(TESTS.replace("NAME", name), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.needs", "-c", str(ROOT / "pyproject.toml"), str(file), *options]
    quiet = {name: value for name, value in os.environ.items() if name != "CI"}
    environ = {**quiet, "PATH": str(folder), "PYTHONPATH": str(ROOT), **environ}
    child = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=50)
    return child.returncode, child.stdout + child.stderr


@pytest.mark.slow
def test_what_lacks_its_program_is_left_out_and_the_end_says_what_to_install(tmp_path: Path) -> None:
    code, said = _run(tmp_path)
    assert code == 0
    assert "1 passed, 2 deselected" in said
    assert "prometheus is missing (on Debian: apt-get install --no-install-recommends prometheus), so these did not run:" in said
    assert "::test_with_another" in said


@pytest.mark.slow
def test_in_ci_a_missing_program_fails_the_run_unless_its_tests_are_left_out_by_name(tmp_path: Path) -> None:
    code, said = _run(tmp_path, CI="true")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "in CI no test may be left out" in said
    assert "::test_with_prometheus" in said
    code, said = _run(tmp_path, options=("-m", "not needs"), CI="true")
    assert code == 0
    assert "1 passed, 2 deselected" in said


@pytest.mark.slow
def test_a_program_that_nobody_knows_fails_the_run(tmp_path: Path) -> None:
    code, said = _run(tmp_path, "promtheus")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert 'needs("promtheus") names no program; known are prometheus, alertmanager, synapse' in said
