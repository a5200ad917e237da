"""Notifiers over a real log in a file: stopped, started again, and set back from the command line."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notifying import fired, resolved, said, silenced
from tests.telling import alert
from virtpulse.clock import SystemClock
from virtpulse.messages.codec import encode
from virtpulse.messages.notified import Notified, notified_key
from virtpulse.runtime.context import Context
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.notifying.notifier import notify
from virtpulse.runtime.roles import Notification, NotifierSpec, Receiver
from virtpulse.runtime.until import Until
from virtpulse.topics import NOTIFICATIONS
from virtpulse.transports.interface import Outgoing, Transport
from virtpulse.transports.open import open_transport

SPEC = NotifierSpec("chat", (Receiver("ops"),), ("host",), wait=0.1, interval=0.3, repeat=60.0)


class Heard:
    """Keeps what it is to tell."""

    def __init__(self) -> None:
        self.said: list[list[str]] = []
        self.told = asyncio.Event()

    async def start(self) -> None:
        """Need nothing."""

    async def send(self, notification: Notification) -> None:
        """Keep it."""
        self.said.append(said(notification))
        self.told.set()

    async def close(self) -> None:
        """Hold nothing."""


class Running:
    """A notifier, running."""

    def __init__(self, transport: Transport, until: Until = Until.STOPPED) -> None:
        self.heard, self.counters, self._stopping = Heard(), Counters("chat"), asyncio.Event()
        context = Context(transport, self.counters, self._stopping, SystemClock())
        self.task = asyncio.create_task(notify(SPEC, self.heard, (), context, until))

    async def stop(self) -> None:
        """Stop it in order."""
        self._stopping.set()
        await asyncio.wait_for(self.task, 10)


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[Transport]:
    opened = open_transport(f"local:{tmp_path}/log.db", SystemClock())
    await opened.start()
    yield opened
    await opened.close()


@pytest.mark.slow
async def test_each_change_is_told_once_over_stops_and_silences(transport: Transport) -> None:
    now = SystemClock().time()
    busy, slow = alert("CpuBusy", began=now - 60), alert("DiskSlow", began=now - 50)
    await transport.publish([*fired(busy), *resolved(alert("Old", began=now - 90, ended=now - 80))])
    first = Running(transport)
    await asyncio.wait_for(first.heard.told.wait(), 10)
    await first.stop()
    assert first.heard.said == [["+CpuBusy kvm-07"]]
    await transport.publish([*resolved(alert("CpuBusy", began=now - 60, ended=now)), *fired(slow)])
    await transport.publish(silenced("s1", "alertname=DiskSlow", now - 1, now + 600))
    second = Running(transport)
    await asyncio.wait_for(second.heard.told.wait(), 10)
    assert second.heard.said == [["-CpuBusy kvm-07"]]
    second.heard.told.clear()
    await transport.publish([Outgoing("silences", "s1", b"", 0)])
    await asyncio.wait_for(second.heard.told.wait(), 10)
    await second.stop()
    assert second.heard.said[1:] == [["+DiskSlow kvm-07"]]
    assert second.counters.silenced == 1
    third = Running(transport, Until.DRAINED)
    await asyncio.wait_for(third.task, 10)
    assert third.heard.said == []


async def test_a_reset_forgets_what_this_notifier_has_told_and_nothing_of_others(transport: Transport, tmp_path: Path) -> None:
    await transport.publish(fired(alert(began=SystemClock().time())))
    running = Running(transport)
    await asyncio.wait_for(running.heard.told.wait(), 10)
    await running.stop()
    other = Notified(notifier="webhook", receiver="ops", group={}, until=0, time=0.0, firing={})
    await transport.publish([Outgoing(NOTIFICATIONS, notified_key("webhook", "ops", {}), encode(other), 0)])
    command = [sys.executable, "-m", "virtpulse", "positions", "reset", "chat", "--to", "end", "--transport", "local:log.db"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=50)
    left = [key async for batch in transport.latest(NOTIFICATIONS, 0) for key in batch.keys]
    assert left == [notified_key("webhook", "ops", {})]
    again = Running(transport, Until.DRAINED)
    await asyncio.wait_for(again.task, 10)
    assert again.heard.said == [["+CpuBusy kvm-07"]]


@pytest.mark.slow
async def test_receivers_of_a_thousand_hosts_hear_of_each_once(transport: Transport) -> None:
    now = SystemClock().time()
    alerts = [alert("CpuBusy", began=now, host=f"kvm-{number}") for number in range(1_000)]
    await transport.publish([message for one in alerts for message in fired(one)])
    running = Running(transport, Until.DRAINED)
    await asyncio.wait_for(running.task, 50)
    assert sorted(running.heard.said) == sorted([f"+CpuBusy kvm-{number}"] for number in range(1_000))
