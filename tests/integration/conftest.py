"""Servers that several tests share."""

from collections.abc import Iterator

import pytest

from tests.homeserver import Homeserver


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """Return a Matrix homeserver that runs; a test that stops it starts it again. For tests with `needs("synapse")`."""
    server = Homeserver(tmp_path_factory.mktemp("homeserver"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
