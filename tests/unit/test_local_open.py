"""From a URL to the adapter."""

import subprocess
import sys
from pathlib import Path

import pytest

from virtpulse.clock import SystemClock
from virtpulse.errors import UsageError
from virtpulse.transports.local.settings import LocalSettings
from virtpulse.transports.local.transport import LocalTransport
from virtpulse.transports.open import open_transport


@pytest.mark.parametrize("path", ["log.db", ":memory:", "file:x?mode=memory", "a b/ü.db", "~/virtpulse.db"])
def test_local_names_a_file(path: str) -> None:
    transport = open_transport(f"local:{path}", SystemClock())
    assert isinstance(transport, LocalTransport)
    assert transport._path == Path(path).expanduser().absolute()


def test_the_settings_reach_the_log() -> None:
    settings = LocalSettings()
    transport = open_transport("local:log.db", SystemClock(), local=settings)
    assert isinstance(transport, LocalTransport)
    assert transport._log.writer._settings is settings


@pytest.mark.parametrize("url", ["local:", "local", "", "redis://host", "C:/log.db", "local:a\0b", "virtpulse.db"])
def test_a_url_that_names_nothing_is_told_with_what_is_known(url: str) -> None:
    with pytest.raises(UsageError, match="local:PATH"):
        open_transport(url, SystemClock())


@pytest.mark.parametrize("url", ["kafka://host:9092", "mqtt://host", "mqtts://host"])
def test_what_is_to_come_is_named_so(url: str) -> None:
    with pytest.raises(UsageError, match=r"does not have the transport (kafka|mqtt):// yet"):
        open_transport(url, SystemClock())


def test_an_adapter_is_imported_only_when_it_is_used() -> None:
    code = "import sys, virtpulse.transports.open; print([name for name in ('sqlite3', 'aiokafka') if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"
