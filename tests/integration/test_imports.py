"""A process pays for what it runs: one that only samples imports nothing that it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

# the command as the user runs it, and behind its output a line of what the process has imported by its end
TOLD = """
import sys
from virtpulse.cli.main import main
code = main(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if module is not None}))
sys.exit(code)
"""
COMMAND = [sys.executable, "-c", TOLD]
HEAVY = {
    "PIL", "aiohttp", "aiokafka", "aiomqtt", "apprise", "fastapi", "jsonschema", "nio", "numpy", "paho", "pygments", "requests",
    "rich", "starlette", "uvicorn",
}  # fmt: skip


def _imported(command: list[str], folder: Path) -> set[str]:
    """Run a command to its end in `folder` and return the top-level packages that its process imported."""
    child = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=50)
    return set(child.stdout.splitlines()[-1].split())


def test_a_process_that_only_samples_imports_nothing_heavy(tmp_path: Path) -> None:
    command = [*COMMAND, "run", "producer", "host", "--transport", "local:log.db", "--duration", "200ms"]
    imported = _imported(command, tmp_path)
    assert {"psutil", "sqlite3"} <= imported  # it did sample, and did publish
    assert not imported & (HEAVY | {"processors", "sinks"})


def test_to_know_every_role_and_its_settings_takes_none_of_what_the_roles_run_on(tmp_path: Path) -> None:
    program = """
import sys
from virtpulse.wiring import SETTINGS
print(*(settings() for names in SETTINGS.values() for settings in names.values()))
print(*{name.partition(".")[0] for name in sys.modules})
"""
    imported = _imported([sys.executable, "-c", program], tmp_path)
    assert {"producers", "processors", "sinks"} <= imported
    assert not imported & (HEAVY | {"psutil"})


@pytest.mark.slow
def test_a_processor_imports_neither_a_producer_nor_a_terminal(tmp_path: Path) -> None:
    command = [*COMMAND, "run", "processor", "windows", "--transport", "local:log.db", "--drain"]
    imported = _imported(command, tmp_path)
    assert "numpy" in imported
    assert not imported & ((HEAVY - {"numpy"}) | {"producers", "sinks", "psutil"})
