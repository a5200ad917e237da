"""The stages of a pipeline, and the ways in which they end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from virtpulse.errors import OutputClosedError, RetryableError, VirtpulseError
from virtpulse.logs import get_logger
from virtpulse.runtime.counters import Counters

_log = get_logger(__name__)


class Layer(Enum):
    """Where a stage stands; what one layer writes, the next one reads. In the order in which they are shut down."""

    PRODUCER = "producer"
    PROCESSOR = "processor"
    SINK = "sink"


@dataclass(frozen=True, slots=True)
class Stage:
    """A role ready to run: `run` returns when the role is over, soon after the event it is given is set.

    ready: set by the role once it misses nothing that is written from then on; None if nobody has to wait for that.
    """

    name: str
    layer: Layer
    counters: Counters
    run: Callable[[asyncio.Event], Awaitable[None]]
    ready: asyncio.Event | None = None


@dataclass(slots=True)
class Running:
    """A stage that was started, and how it ended.

    cut_off: it did not stop in time and was cancelled. left_behind: it did not even end then. gave_up: the transport or the
    destination was away when it was to stop. failure: what it failed with.
    """

    stage: Stage
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: bool = False
    left_behind: bool = False
    gave_up: bool = False
    failure: Exception | None = None

    async def run(self, ended: Callable[["Running"], None]) -> None:
        """Run the stage and keep how it ended, so that a failure stops the others in order rather than at once."""
        try:
            await self.stage.run(self.stopping)
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        except Exception as error:  # noqa: BLE001 the pipeline raises it once everything else is stopped
            self._failed(error)
        finally:
            ended(self)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, RetryableError) and self.stopping.is_set():
            self.gave_up = True
            _log.warning("failed while stopping", role=self.stage.name, error=str(error))
            return
        self.failure = error
        if isinstance(error, OutputClosedError):
            _log.debug("nobody reads the output any more", role=self.stage.name)
        elif isinstance(error, VirtpulseError):
            _log.error("failed", role=self.stage.name, error=str(error))
        else:
            _log.error("failed by a fault in the program", role=self.stage.name, exc_info=error)
