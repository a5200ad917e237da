"""The bot of thirty lines in `examples/`, behind `virtpulse watch alerts --json` on a real log."""

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.http_receiver import http_receiver
from tests.notifying import fired, resolved
from tests.telling import alert
from virtpulse.clock import SystemClock
from virtpulse.transports.open import open_transport

EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_alerts.py"
BEGAN = 1_795_000_000.0


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[str]:
    """Return the URL of a log in which an alert fires, is told of twice, and is resolved."""
    address = f"local:{tmp_path / 'log.db'}"
    transport = open_transport(address, SystemClock())
    await transport.start()
    first = fired(alert(began=BEGAN, vm="web-3"))
    await transport.publish([*first, *first, *resolved(alert(began=BEGAN, ended=BEGAN + 60, vm="web-3"))])
    yield address
    await transport.close()


async def _follow(log: str, *arguments: str) -> tuple[str, str]:
    """Run `virtpulse watch alerts --json | python examples/follow_alerts.py`; return what the example wrote."""
    watching = [sys.executable, "-m", "virtpulse", "watch", "alerts", "--json", "--from", "start", "--count", "3"]
    reading, writing = os.pipe()
    watch = await asyncio.create_subprocess_exec(*watching, "--transport", log, stdout=writing)
    os.close(writing)
    example = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), *arguments), stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(reading)
    try:
        out, err = await asyncio.wait_for(example.communicate(), 20)
        assert await asyncio.wait_for(watch.wait(), 20) == 0
    finally:
        for process in (watch, example):
            if process.returncode is None:
                process.kill()
    assert example.returncode == 0, err
    return out.decode(), err.decode()


@pytest.mark.slow
async def test_it_prints_each_change_once(log: str) -> None:
    out, err = await _follow(log)
    assert out.splitlines() == ["[warning] CpuBusy kvm-07/web-3"] * 2
    assert err == ""


@pytest.mark.slow
async def test_it_posts_each_change_once_and_says_what_it_could_not_post(log: str) -> None:
    async with http_receiver() as receiver:
        receiver.will_answer(500)
        out, err = await _follow(log, receiver.url)
        told = await receiver.hears(2)
    assert out == ""
    assert err.startswith("not told, HTTP Error 500: Internal Server Error: [warning] CpuBusy kvm-07/web-3")
    assert err.count("\n") == 1
    assert [json.loads(one.body) for one in told] == [{"text": "[warning] CpuBusy kvm-07/web-3"}] * 2


def test_it_uses_nothing_but_the_standard_library_and_is_short() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    imported = {name.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module).partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert len(text.splitlines()) < 50
