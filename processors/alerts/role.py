"""The alerts processor, as the wiring knows it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from processors.alerts.settings import AlertsSettings
from virtpulse.clock import Clock
from virtpulse.logs import get_logger
from virtpulse.runtime.roles import Preview, Processor, ProcessorRole, ProcessorSpec
from virtpulse.topics import AGGREGATES, ALERT_STATES, DEADLETTERS, SAMPLES, SOURCES

_log = get_logger(__name__)


def _spec(settings: AlertsSettings) -> ProcessorSpec:
    """Return what the runtime needs to know: what is judged, and that the states are its own but the inventory is not."""
    inputs = [AGGREGATES, SAMPLES, SOURCES, DEADLETTERS]
    return ProcessorSpec("alerts", inputs=inputs, states=[ALERT_STATES], batch=settings.batch, reads=[SOURCES])


def _make(settings: AlertsSettings, clock: Clock) -> Callable[[int], Processor]:
    from processors.alerts.processor import AlertsProcessor  # noqa: PLC0415 only a process with alerts pays for it
    from processors.alerts.shipped import odd_names  # noqa: PLC0415 the same

    for odd in odd_names(settings):
        _log.warning("a name in processors.alerts.disable does nothing", reason=odd)
    return partial(AlertsProcessor, settings, clock)


def _preview(settings: AlertsSettings, clock: Clock) -> Preview:
    from processors.alerts.preview import AlertsPreview  # noqa: PLC0415 only `virtpulse check` pays for it

    return AlertsPreview(settings, clock)


ROLE: Final = ProcessorRole(AlertsSettings, _spec, _make, _preview)
