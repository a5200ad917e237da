"""The import contracts of pyproject.toml are kept, and each is broken by the import that it is there to forbid."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("virtpulse", "producers", "processors", "sinks")
ROLES = "Producers, processors and sinks never import one another"
CORE = "In the core only the wiring imports roles"
SINKS = "Of the runtime sinks import only what is there for them"
LAYERS = "In the core each layer imports only those below it"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the packages and their contracts, free to be spoilt."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    return subprocess.run([command, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("producers/wrong.py", "import processors.windows.settings", ROLES),
        ("sinks/wrong.py", "import producers.host.settings", ROLES),
        ("processors/wrong.py", "from sinks import console", ROLES),
        ("sinks/chat/wrong.py", "from virtpulse.runtime.notifying.muting import Kept", SINKS),
        ("sinks/wrong.py", "import virtpulse.runtime.sinking", SINKS),
        ("virtpulse/catalogue/wrong.py", "import producers", CORE),
        ("virtpulse/runtime/wrong.py", "from sinks.console import settings", CORE),
        ("virtpulse/messages/wrong.py", "import virtpulse.transports.interface", LAYERS),
        ("virtpulse/runtime/wrong.py", "from virtpulse.config.settings import Settings", LAYERS),
        ("virtpulse/transports/wrong.py", "import virtpulse.config.secrets", LAYERS),
        ("virtpulse/wrong.py", "import os", LAYERS),
        ("virtpulse/runtime/wrong.py", "from aiokafka import AIOKafkaProducer", "Only the Kafka adapter imports aiokafka"),
        ("sinks/wrong.py", "import aiomqtt", "Only the MQTT adapter imports aiomqtt and paho"),
        ("producers/wrong.py", "import paho.mqtt.client", "Only the MQTT adapter imports aiomqtt and paho"),
        ("sinks/console/wrong.py", "import nio", "Only sinks.matrix imports nio"),
        ("sinks/console/wrong.py", "import apprise", "Only sinks.chat imports apprise"),
        ("sinks/wrong.py", "import sqlite3", "Only the local adapter imports sqlite3"),
    ],
)
def test_a_wrong_import_breaks_its_contract_and_no_other(tree: Path, module: str, line: str, contract: str) -> None:
    (tree / module).write_text(f"{line}\n", encoding="utf-8")
    result = _lint(tree)
    broken = [row.partition(" BROKEN")[0].strip() for row in result.stdout.splitlines() if " BROKEN" in row]
    assert result.returncode == 1
    assert broken == [contract]


def test_the_contracts_are_kept(tree: Path) -> None:
    result = _lint(tree)
    assert result.returncode == 0, result.stdout
