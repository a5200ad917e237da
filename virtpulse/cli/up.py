"""`virtpulse up`."""

from cyclopts import App

from virtpulse import wiring
from virtpulse.cli.common import Common, Span, configured, console_options, to_duration
from virtpulse.cli.pipeline import run_roles
from virtpulse.logs import get_logger

app = App(name="up")

_log = get_logger(__name__)


@app.default
def up(
    *,
    duration: Span = None,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Run everything in one process: sample this machine, take windows, show them live.

    Which roles that is, the table [up] of the configuration says; without it the producer host, the processor windows
    and the sink console. Ctrl-C ends it in order: what was measured is stored.

    **Examples**

    `virtpulse up` shows this machine live

    `virtpulse up --duration 20s --json --set processors.windows.size=2s` prints 20 seconds of aggregates as JSON lines

    `virtpulse up --set 'up.sinks=["console", "jsonl"]'` writes them to files as well

    Args:
        duration: Shut down after this time, as in 30s or 1m30s.
        json: Print aggregates as JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    span = None if duration is None else to_duration(duration)
    configuration = configured(common or Common(), console_options(json=json))
    chosen = wiring.chosen(configuration)
    for name in wiring.left_out(configuration, chosen):
        _log.warning(f"[sinks.{name}] is configured, but up.sinks does not name it: it does not run", sink=name)
    run_roles(configuration, chosen, span)
