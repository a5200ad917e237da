"""Running stages as one process: start back to front, shut down front to back, within a deadline."""

import asyncio
from collections.abc import Sequence
from typing import Final

from virtpulse.clock import Clock
from virtpulse.errors import FatalError, OutputClosedError, VirtpulseError
from virtpulse.logs import get_logger
from virtpulse.runtime.backoff import retrying
from virtpulse.runtime.closing import close
from virtpulse.runtime.counters import Counters
from virtpulse.runtime.shutdown import Shutdown
from virtpulse.runtime.stages import Layer, Running, Stage
from virtpulse.runtime.summary import log_summary
from virtpulse.runtime.waiting import cancelled, first_of, until_stopped
from virtpulse.transports.interface import Transport

READY_WITHIN: Final = 5.0  # seconds; a layer that is not ready by then is not waited for any more
_GRACE: Final = 1.0  # seconds of the loop's own clock that a cancelled stage has for cleaning up

_log = get_logger(__name__)

__all__ = ["Layer", "Stage", "run_pipeline"]


async def run_pipeline(
    stages: Sequence[Stage], transport: Transport, clock: Clock, duration: float | None, deadline: float
) -> None:
    """Run `stages` until they are over, for `duration` seconds, until SIGTERM or SIGINT, or until one fails.

    `duration` counts from now, so the start of the transport is part of it. `deadline`: seconds that the shutdown may take,
    split over its steps; a second signal stops at once; what does not end even when cancelled is left behind. Raises the error of
    the first stage that failed, FatalError in its place if that was a fault in the program, nothing if the output's reader left.
    """
    shutdown = Shutdown(clock)
    timing = asyncio.create_task(_time_is_over(duration, shutdown, clock), name="duration")
    running = [Running(stage) for layer in reversed(Layer) for stage in stages if stage.layer is layer]
    with shutdown.on_signals():
        try:
            if await _started(transport, shutdown, clock):
                await _Pipeline(running, shutdown, clock, deadline).run()
            else:
                _log.warning("stopped before the transport could be started", reason=shutdown.reason)
        finally:
            await cancelled(timing)
            closed = await close(transport, "transport")
    log_summary(running, shutdown, deadline, closed=closed)
    _raise_failure(running)


async def _started(transport: Transport, shutdown: Shutdown, clock: Clock) -> bool:
    """Start the transport for as long as it takes; return False if a stop was asked for meanwhile."""
    starting = retrying(transport.start, Counters("transport"), shutdown.requested, clock)
    return await until_stopped(starting, shutdown.requested)


async def _time_is_over(duration: float | None, shutdown: Shutdown, clock: Clock) -> None:
    if duration is not None:
        await clock.sleep(duration)
        shutdown.request("the duration is over")


class _Pipeline:
    def __init__(self, running: Sequence[Running], shutdown: Shutdown, clock: Clock, deadline: float) -> None:
        self._running = running
        self._shutdown = shutdown
        self._clock = clock
        self._deadline = deadline
        self._tasks: dict[asyncio.Task[None], Running] = {}

    async def run(self) -> None:
        try:
            for layer in reversed(Layer):
                await self._start_layer(layer)
            if self._tasks:
                await self._shutdown.requested.wait()
                await self._stop()
        finally:
            await cancelled(*self._tasks, grace=_GRACE)

    async def _start_layer(self, layer: Layer) -> None:
        """Start the layer's stages and wait until they are ready for what the next ones write, but not for ever."""
        if self._shutdown.requested.is_set():
            return
        tasks = {
            asyncio.create_task(one.run(self._ended), name=one.stage.name): one
            for one in self._running
            if one.stage.layer is layer
        }
        self._tasks.update(tasks)

        async def all_ready() -> None:
            for task, one in tasks.items():
                if one.stage.ready is not None:
                    await first_of(one.stage.ready.wait(), asyncio.wait([task]))

        if any(one.stage.ready is not None for one in tasks.values()):
            await first_of(all_ready(), self._clock.sleep(READY_WITHIN), self._shutdown.requested.wait())

    def _ended(self, one: Running) -> None:
        if one.failure is not None:
            left = isinstance(one.failure, OutputClosedError)
            self._shutdown.request("nobody reads the output any more" if left else f"{one.stage.name} failed")
        elif len(self._tasks) == len(self._running) and all(
            task.done() for task, other in self._tasks.items() if other is not one
        ):
            self._shutdown.request("everything is done")

    async def _stop(self) -> None:
        """Stop layer after layer; what a step leaves of its share goes to those that follow, the last share to closing."""
        end = self._clock.monotonic() + self._deadline
        layers = [layer for layer in Layer if any(one.stage.layer is layer for one in self._tasks.values())]
        for done, layer in enumerate(layers):
            share = max(end - self._clock.monotonic(), 0.0) / (len(layers) - done + 1)
            await self._stop_layer(layer, share)

    async def _stop_layer(self, layer: Layer, seconds: float) -> None:
        tasks = [task for task, one in self._tasks.items() if one.stage.layer is layer]
        for task in tasks:
            self._tasks[task].stopping.set()
        await first_of(asyncio.wait(tasks), self._clock.sleep(seconds), self._shutdown.at_once.wait())
        await cancelled(*tasks, grace=_GRACE)
        for task in tasks:
            if not task.done():
                self._tasks[task].cut_off = self._tasks[task].left_behind = True


def _raise_failure(running: Sequence[Running]) -> None:
    failed = next((one for one in running if one.failure is not None), None)
    if failed is None or isinstance(failed.failure, OutputClosedError):
        return
    if isinstance(failed.failure, VirtpulseError):
        raise failed.failure
    msg = f"{failed.stage.name} failed by a fault in the program, see the log: {failed.failure!r}; please report it"
    raise FatalError(msg) from failed.failure
