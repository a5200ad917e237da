"""A real Alertmanager on the loopback address."""

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.http_receiver import free_port
from tests.programs import command_of

_STARTS_WITHIN: Final = 30.0  # seconds
_ENDS_WITHIN: Final = 10.0


@dataclass(frozen=True)
class Alertmanager:
    """One that runs."""

    port: int

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str) -> Any:  # noqa: ANN401 any JSON
        """Return the answer of its API to a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/api/v2/{path}")
            response = connection.getresponse()
            answer = response.read()
            assert response.status == http.HTTPStatus.OK, (path, answer)
            return json.loads(answer)
        finally:
            connection.close()

    async def amtool(self, *arguments: str) -> Any:  # noqa: ANN401 any JSON
        """Return what its own tool prints, as JSON."""
        command = ["amtool", f"--alertmanager.url={self.url}", *arguments, "--output=json"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        return json.loads(output)


@contextmanager
def alertmanager(folder: Path, hook: str) -> Iterator[Alertmanager]:
    """Run one that keeps its data in `folder` and tells a webhook of everything. For tests with `needs("alertmanager")`."""
    server = Alertmanager(free_port())
    route = {"receiver": "ops", "group_by": ["alertname", "host"], "group_wait": "1s", "group_interval": "1s"}
    configuration = {"route": route, "receivers": [{"name": "ops", "webhook_configs": [{"url": hook}]}]}
    (folder / "alertmanager.yml").write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    options = {
        "config.file": folder / "alertmanager.yml",
        "storage.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{server.port}",
        "cluster.listen-address": "",
    }
    with (folder / "output.log").open("wb") as output:
        command = [command_of("alertmanager"), *(f"--{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait(server, process, folder / "output.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Alertmanager, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            server.ask("status")
        except OSError:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < end, f"it does not answer after {_STARTS_WITHIN:g} s"
            time.sleep(0.05)
        else:
            return
