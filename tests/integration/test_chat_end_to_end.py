"""Alerts on a real log, told in a real Matrix room by `virtpulse run sink chat`, while the homeserver comes and goes."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import nio
import pytest

from tests.homeserver import Account, Homeserver, Person, person
from tests.notifying import fired, resolved
from tests.telling import alert
from virtpulse.clock import SystemClock
from virtpulse.transports.interface import Transport
from virtpulse.transports.open import open_transport

pytestmark = [pytest.mark.slow, pytest.mark.needs("synapse")]

_SETTINGS: Final = """
transport = "local:{folder}/log.db"

[sinks.chat]
group_wait = "300ms"
group_interval = "500ms"

[[sinks.chat.to]]
name = "ops"
url = "${{CHAT_URL}}"
"""


_COMMAND: Final = ("-m", "virtpulse")
_OFTENER: Final = (  # the same, with a longest pause of 4 s between two attempts: this test cannot wait for 30 s
    "-c",
    "from virtpulse.runtime import backoff; from virtpulse.cli.main import run; backoff.CAP = 4.0; run()",
)
_AWAY: Final = 30.0  # seconds
_HOSTS: Final = 6


@asynccontextmanager
async def _chat(folder: Path, url: str, command: Sequence[str] = _COMMAND) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the sink as a process of its own, from the moment on that it reads."""
    (folder / "virtpulse.toml").write_text(_SETTINGS.format(folder=folder), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "run", "sink", "chat", "--config", str(folder / "virtpulse.toml")),
        env={**os.environ, "CHAT_URL": url},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while b"partition taken" not in (line := await process.stderr.readline()):
                assert line, "it ended before it read"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _log(folder: Path) -> AsyncIterator[Transport]:
    transport = open_transport(f"local:{folder}/log.db", SystemClock())
    await transport.start()
    try:
        yield transport
    finally:
        await transport.close()


def _url(homeserver: Homeserver, room: str, teller: Account) -> str:
    name = teller.user.partition(":")[0].removeprefix("@")
    return f"matrix://{name}:{teller.password}@127.0.0.1:{homeserver.port}/{quote(room)}?e2ee=no&hsreq=no"


async def _hears(reader: Person, room: str, text: str) -> list[str]:
    """Return all that was said up to the message that holds `text`, and what comes within two seconds behind it."""
    said: list[str] = []

    def seen(event: nio.RoomMessage) -> bool:
        said.append(event.body if isinstance(event, nio.RoomMessageText) else "")
        return text in said[-1]

    await reader.hears(room, seen, within=30)
    return said + [event.body for event in await reader.look(wait=2.0) if isinstance(event, nio.RoomMessageText)]


async def test_what_happens_while_the_homeserver_is_away_is_told_once_it_is_back_and_nothing_twice(
    homeserver: Homeserver, tmp_path: Path
) -> None:
    teller, anna = homeserver.register("alerts"), homeserver.register("anna")
    room = homeserver.create_room(teller, anna)
    began = SystemClock().time()
    async with (
        person(homeserver, anna) as reader,
        _log(tmp_path) as log,
        _chat(tmp_path, _url(homeserver, room, teller)) as process,
    ):
        await log.publish([message for number in range(60) for message in fired(alert(began=began, vm=f"web-{number}"))])
        (first,) = await _hears(reader, room, "60 warning")
        assert len(first.split("\n")) == 20
        assert first.endswith("… and 42 more: CpuBusy 42")
        with homeserver.away():
            await log.publish(fired(alert("DiskFull", "critical", began=began, host="kvm-08")))
            await asyncio.sleep(1.0)
            ended = began + 60
            await log.publish(resolved(alert("DiskFull", "critical", began=began, ended=ended, host="kvm-08")))
            await log.publish(fired(alert("HostSilent", "critical", began=began, host="kvm-09")))
            await asyncio.sleep(2.0)
        told = await _hears(reader, room, "kvm-09")
        assert sorted(text.split(":")[0] for text in told) == ["kvm-08", "kvm-09"]
        assert any("🟢 resolved DiskFull kvm-08 after 60 s" in text for text in told)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_half_a_minute_without_the_homeserver_loses_nothing_repeats_nothing_and_keeps_the_order(
    homeserver: Homeserver, tmp_path: Path
) -> None:
    teller, anna = homeserver.register("alerts"), homeserver.register("anna")
    room = homeserver.create_room(teller, anna)
    began = SystemClock().time()
    async with (
        person(homeserver, anna) as reader,
        _log(tmp_path) as log,
        _chat(tmp_path, _url(homeserver, room, teller), _OFTENER),
    ):
        await log.publish(fired(alert(began=began, host="first")))
        assert len(await _hears(reader, room, "first")) == 1
        begun = time.monotonic()
        with homeserver.away():
            for number in range(_HOSTS):
                await log.publish(fired(alert("DiskFull", "critical", began=began + number, host=f"kvm-{number}")))
                await asyncio.sleep(_AWAY / _HOSTS)
                if number % 2:
                    over = alert("DiskFull", "critical", began=began + number, ended=began + 600, host=f"kvm-{number}")
                    await log.publish(resolved(over))
        assert time.monotonic() - begun >= _AWAY
        await log.publish(fired(alert(began=began, host="last")))
        told = await _hears(reader, room, "last:")
    expected = [f"kvm-{number}: {'🟢 1 resolved' if number % 2 else '🔴 1 critical'}" for number in range(_HOSTS)]
    assert [text.split("\n")[0] for text in told] == [*expected, "last: 🟠 1 warning"]


async def test_a_restart_of_the_sink_tells_nothing_twice(homeserver: Homeserver, tmp_path: Path) -> None:
    teller, anna = homeserver.register("alerts"), homeserver.register("anna")
    room = homeserver.create_room(teller, anna)
    url = _url(homeserver, room, teller)
    began = SystemClock().time()
    async with person(homeserver, anna) as reader, _log(tmp_path) as log:
        async with _chat(tmp_path, url):
            await log.publish(fired(alert(began=began, host="kvm-01")))
            assert len(await _hears(reader, room, "kvm-01")) == 1
        async with _chat(tmp_path, url):
            await log.publish(fired(alert(began=began, host="kvm-02")))
            assert [text.split(":")[0] for text in await _hears(reader, room, "kvm-02")] == ["kvm-02"]
