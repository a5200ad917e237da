"""The catalogue knows all that this machine's own producer measures."""

from contextlib import aclosing

from producers.host.producer import HostProducer
from producers.host.settings import HostSettings
from virtpulse.catalogue import FACTS, metric
from virtpulse.clock import SystemClock
from virtpulse.messages.sample import MAPS, Sample
from virtpulse.units import Duration


async def _second_sample() -> Sample:
    """Return a sample with rates, which need two looks."""
    settings = HostSettings(interval=Duration(0.1))
    taken: list[Sample] = []
    async with aclosing(HostProducer(settings, SystemClock()).samples()) as samples:
        async for found in samples:
            taken += found
            if len(taken) == 2:
                break
    return taken[-1]


async def test_every_row_of_a_sample_of_this_machine_is_in_the_catalogue() -> None:
    sample = await _second_sample()
    for family in MAPS:
        for key in getattr(sample, family) or {}:
            entry = metric(key)
            assert entry is not None, f"{key} is not in the catalogue"
            assert entry.family == family
            assert bool("@" in key) <= bool(entry.device), f"{key} has a device that the catalogue does not know of"
    assert isinstance(sample.facts, dict)
    assert set(sample.facts) <= set(FACTS)
