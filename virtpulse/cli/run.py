"""`virtpulse run`."""

from typing import Annotated, Final

from cyclopts import App, Parameter

from virtpulse.cli.common import Common, Span, configured, console_options, to_duration
from virtpulse.cli.pipeline import run_roles
from virtpulse.errors import UsageError
from virtpulse.runtime.until import Until
from virtpulse.wiring import Section, names

app = App(name="run", help="Run one role as a process of its own.")

_ENDINGS: Final = {False: Until.STOPPED, True: Until.DRAINED}


@app.command
def producer(
    name: Annotated[str, Parameter(choices=names("producers"))],
    /,
    *,
    duration: Span = None,
    common: Common | None = None,
) -> None:
    """Sample, and publish the samples.

    **Example**

    `virtpulse run producer host --transport local:virtpulse.db --set producers.host.interval=5s`

    Args:
        name: Which producer.
        duration: Shut down after this time, as in 30s or 1m30s.
        common: The options of every command.
    """
    _run("producers", name, duration, common or Common(), Until.STOPPED)


@app.command
def processor(
    name: Annotated[str, Parameter(choices=names("processors"))],
    /,
    *,
    duration: Span = None,
    drain: bool = False,
    common: Common | None = None,
) -> None:
    """Process messages as one worker of its group.

    **Examples**

    `virtpulse run processor windows --set processors.windows.size=1m`

    `virtpulse run processor windows --drain` handles all that is there and ends

    Args:
        name: Which processor.
        duration: Shut down after this time, as in 30s or 1m30s.
        drain: Handle all that the input holds at the start, close every window, end.
        common: The options of every command.
    """
    _run("processors", name, duration, common or Common(), _ENDINGS[drain])


@app.command
def sink(
    name: Annotated[str, Parameter(choices=names("sinks"))],
    /,
    *,
    duration: Span = None,
    drain: bool = False,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Write aggregates to a destination.

    **Examples**

    `virtpulse run sink console`

    `virtpulse run sink jsonl --drain`

    Args:
        name: Which sink.
        duration: Shut down after this time, as in 30s or 1m30s.
        drain: Write all that the input holds at the start, end.
        json: With the console: print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    if json and name != "console":
        msg = f"--json goes with the sink console; {name} writes in its own form"
        raise UsageError(msg)
    _run("sinks", name, duration, common or Common(), _ENDINGS[drain], console_options(json=json))


def _run(  # noqa: PLR0913, PLR0917 all that the three commands differ in
    section: Section,
    name: str,
    duration: str | None,
    common: Common,
    until: Until,
    options: dict[str, str] | None = None,
) -> None:
    span = None if duration is None else to_duration(duration)
    run_roles(configured(common, options), {section: [name]}, span, until)
