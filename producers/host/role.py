"""The host producer, as the wiring knows it."""

from typing import Final

from producers.host.settings import HostSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Producer, ProducerRole


def _make(settings: HostSettings, clock: Clock) -> Producer:
    from producers.host.producer import HostProducer  # noqa: PLC0415 only a process that samples pays for psutil

    return HostProducer(settings, clock)


ROLE: Final = ProducerRole(HostSettings, _make)
