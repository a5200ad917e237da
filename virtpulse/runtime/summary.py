"""The last lines in the log: what each role counted, and whether anything was cut off."""

from collections.abc import Sequence

from virtpulse.errors import OutputClosedError
from virtpulse.logs import get_logger
from virtpulse.runtime.shutdown import Shutdown
from virtpulse.runtime.stages import Layer, Running

_log = get_logger(__name__)


def log_summary(running: Sequence[Running], shutdown: Shutdown, deadline: float, *, closed: bool) -> None:
    """Log the counts of every role, then one line on how it ended. `closed`: whether the transport could be closed."""
    for one in reversed(running):
        _log.info("counts", role=one.stage.name, **one.stage.counters.summary())
    failures = [
        f"{one.stage.name} failed: {one.failure or repr(one.failure)}"
        for one in running
        if one.failure is not None and not isinstance(one.failure, OutputClosedError)
    ]
    cut = _cut_off(running, shutdown, deadline)
    if not closed:
        cut.append("the transport could not be closed in time")
    if failures:
        _log.error("stopped: " + "; ".join(failures + cut))
    elif cut:
        _log.warning("; ".join(cut), reason=shutdown.reason)
    else:
        _log.info("stopped cleanly", reason=shutdown.reason)


def _cut_off(running: Sequence[Running], shutdown: Shutdown, deadline: float) -> list[str]:
    names = [one.stage.name for one in reversed(running) if one.cut_off]
    said: list[str] = []
    if names:
        cause = "stopped at once by a second signal" if shutdown.at_once.is_set() else f"{deadline:g} s deadline passed"
        said.append(f"{cause}: {', '.join(names)} cancelled")
    left = [one.stage.name for one in reversed(running) if one.left_behind]
    if left:
        said.append(f"{', '.join(left)} did not end even then and was left behind")
    said += [f"{one.stage.name} failed while stopping" for one in reversed(running) if one.gave_up]
    unsent = sum(one.stage.counters.pending for one in running if one.stage.layer is Layer.PRODUCER)
    again = sum(one.stage.counters.pending for one in running if one.stage.layer is not Layer.PRODUCER)
    if unsent:
        said.append(f"{unsent} messages were not sent and are lost")
    if again:
        said.append(f"{again} {'message' if again == 1 else 'messages'} will be processed again on the next start")
    return said
