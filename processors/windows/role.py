"""The windows processor, as the wiring knows it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from processors.windows.settings import WindowsSettings
from virtpulse.clock import Clock
from virtpulse.runtime.roles import Processor, ProcessorRole, ProcessorSpec
from virtpulse.topics import SAMPLES, SOURCES


def _spec(settings: WindowsSettings) -> ProcessorSpec:
    """Return what the runtime needs to know: samples in, the inventory as state."""
    return ProcessorSpec("windows", inputs=[SAMPLES], states=[SOURCES], batch=settings.messages_a_step)


def _make(settings: WindowsSettings, clock: Clock) -> Callable[[int], Processor]:
    from processors.windows.processor import WindowsProcessor  # noqa: PLC0415 only a process with windows pays for NumPy

    return partial(WindowsProcessor, settings, clock)


ROLE: Final = ProcessorRole(WindowsSettings, _spec, _make)
