"""Running stages as one process: start back to front, shut down front to back, within a deadline."""

import asyncio
from collections.abc import Sequence

from virtpulse.clock import Clock
from virtpulse.errors import FatalError, OutputClosedError, VirtpulseError
from virtpulse.runtime.backoff import retrying
from virtpulse.runtime.closing import close
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.farewell import log_farewell
from virtpulse.runtime.shutdown import Shutdown
from virtpulse.runtime.stages import Layer, Running, Stage
from virtpulse.runtime.waiting import cancelled, first_of, until_stopped
from virtpulse.transports.interface import Transport

__all__ = ["Layer", "Stage", "run_pipeline"]


async def run_pipeline(
    stages: Sequence[Stage], transport: Transport, clock: Clock, duration: float | None, deadline: float
) -> None:
    """Run `stages` until they are over, for `duration` seconds, until SIGTERM or SIGINT, or until one fails.

    `deadline`: seconds that the shutdown may take, split over its steps; a second signal stops at once. Raises the error of
    the first stage that failed, FatalError in its place if that was a fault in the program, nothing if the output's reader left.
    """
    shutdown = Shutdown(clock)
    running = [Running(stage) for layer in reversed(Layer) for stage in stages if stage.layer is layer]
    with shutdown.on_signals():
        try:
            if await _started(transport, shutdown, clock):
                await _Pipeline(running, shutdown, clock, deadline).run(duration)
        finally:
            closed = await close(transport, "transport")
    log_farewell(running, shutdown, deadline, closed=closed)
    _raise_failure(running)


async def _started(transport: Transport, shutdown: Shutdown, clock: Clock) -> bool:
    """Start the transport for as long as it takes; return False if a stop was asked for meanwhile."""
    starting = retrying(transport.start, Counters("transport"), shutdown.requested, clock)
    return await until_stopped(starting, shutdown.requested)


class _Pipeline:
    def __init__(self, running: Sequence[Running], shutdown: Shutdown, clock: Clock, deadline: float) -> None:
        self._running = running
        self._shutdown = shutdown
        self._clock = clock
        self._deadline = deadline
        self._tasks: dict[asyncio.Task[None], Running] = {}

    async def run(self, duration: float | None) -> None:
        async with asyncio.TaskGroup() as group:
            self._tasks = {group.create_task(one.run(self._ended), name=one.stage.name): one for one in self._running}
            if not self._tasks:
                return
            await until_stopped(self._time_is_over(duration), self._shutdown.requested)
            await self._stop()

    def _ended(self, one: Running) -> None:
        if one.failure is not None:
            left = isinstance(one.failure, OutputClosedError)
            self._shutdown.request("nobody reads the output any more" if left else f"{one.stage.name} failed")
        elif all(task.done() for task, other in self._tasks.items() if other is not one):
            self._shutdown.request("everything is done")

    async def _time_is_over(self, duration: float | None) -> None:
        if duration is None:
            await self._shutdown.requested.wait()
        else:
            await self._clock.sleep(duration)
            self._shutdown.request("the duration is over")

    async def _stop(self) -> None:
        """Stop layer after layer; what a step leaves of its share goes to those that follow, the last share to closing."""
        end = self._clock.monotonic() + self._deadline
        layers = [layer for layer in Layer if any(one.stage.layer is layer for one in self._running)]
        for done, layer in enumerate(layers):
            share = max(end - self._clock.monotonic(), 0.0) / (len(layers) - done + 1)
            await self._stop_layer(layer, share)

    async def _stop_layer(self, layer: Layer, seconds: float) -> None:
        tasks = [task for task, one in self._tasks.items() if one.stage.layer is layer]
        for task in tasks:
            self._tasks[task].stopping.set()
        await first_of(asyncio.wait(tasks), self._clock.sleep(seconds), self._shutdown.at_once.wait())
        await cancelled(*tasks)


def _raise_failure(running: Sequence[Running]) -> None:
    failed = next((one for one in running if one.failure is not None), None)
    if failed is None or isinstance(failed.failure, OutputClosedError):
        return
    if isinstance(failed.failure, VirtpulseError):
        raise failed.failure
    msg = f"{failed.stage.name} failed by a fault in the program, see the log: {failed.failure!r}; please report it"
    raise FatalError(msg) from failed.failure
