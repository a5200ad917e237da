"""What `up` and `run` share: from names of roles to a pipeline that runs."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from virtpulse import wiring
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import UsageError
from virtpulse.logs import get_logger
from virtpulse.redaction import redact
from virtpulse.runtime.pipeline import run_pipeline
from virtpulse.runtime.until import Until
from virtpulse.units import Duration

_log = get_logger(__name__)

DEADLINE: Final = 10.0  # seconds that a shutdown may take


def run_roles(
    configuration: Configuration,
    roles: Mapping[wiring.Section, Iterable[str]],
    duration: Duration | None,
    until: Until = Until.STOPPED,
) -> None:
    """Run the roles until a signal, for `duration` or until they are drained. Raises VirtpulseError."""
    if not any(roles.values()):
        msg = "there is nothing to run: up.producers, up.processors and up.sinks are all empty"
        raise UsageError(msg)
    asyncio.run(_run(configuration, roles, duration, until))


async def _run(
    configuration: Configuration,
    roles: Mapping[wiring.Section, Iterable[str]],
    duration: Duration | None,
    until: Until,
) -> None:
    clock = SystemClock()
    transport = wiring.open_configured(configuration, clock)
    stages = wiring.stages(wiring.Deployment(configuration, transport, clock, until), roles)
    running = ", ".join(stage.name for stage in stages)
    _log.info("starting", roles=running, transport=redact(configuration.settings.transport))
    await run_pipeline(stages, transport, clock, None if duration is None else float(duration), DEADLINE)
