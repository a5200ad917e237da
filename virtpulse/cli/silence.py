"""`virtpulse silence`."""

import getpass
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import App, Parameter

from virtpulse.cli.common import Common, configured, to_duration
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.pretty import local_time
from virtpulse.cli.printing import fitted, prints_json, put_lines
from virtpulse.cli.records import alert_states, labels_of, standing
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.errors import InvalidError, UsageError
from virtpulse.logs import get_logger
from virtpulse.messages.alert_reading import read_silence
from virtpulse.messages.codec import encode
from virtpulse.messages.silence import Silence
from virtpulse.printable import printable
from virtpulse.runtime.silencing import new_silence, record, removal, removals_of_old
from virtpulse.topics import SILENCES
from virtpulse.transports.interface import Transport
from virtpulse.wording import lasting

app = App(name="silence", help="Keep alerts quiet for a while: they go on, but nobody is told.")

_HEADING: Final = f"{'id':<10}{'state':<12}{'until':<21}matchers"
_OPTIONS: Final = ("reason", "by")  # fields that are called as their options are
_log = get_logger(__name__)


@app.command
def add(
    *matchers: str,
    for_: Annotated[str, Parameter(name="--for", allow_leading_hyphen=True)],
    reason: str = "",
    by: str | None = None,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """Silence the alerts whose labels all matchers match. They go on, but nobody is told of them until it is over.

    A matcher is LABEL=VALUE or LABEL!=VALUE, where VALUE may hold * and ?. Labels are alertname, severity, host, vm, metric,
    device, and those that rules add. What still fires when the silence is over is told then.

    **Examples**

    `virtpulse silence add host=kvm-07 --for 2h --reason 'kernel update'`

    `virtpulse silence add 'host=kvm-0*' vm=web-3 severity=warning --for 30m`

    Args:
        matchers: Which alerts: all of these must match.
        for_: How long, as in 30m or 2h.
        reason: Why.
        by: Who asks for it; without it the name of the login.
        json: Print the silence as JSON; by itself where standard output is no terminal.
        common: The options of every command.
    """
    span = to_duration(for_, "--for")
    try:
        silence = new_silence(matchers, span, SystemClock().time(), reason=reason, by=_login() if by is None else by)
    except InvalidError as error:
        msg = f"--{error.reason}" if error.field in _OPTIONS else error.reason
        raise UsageError(msg) from error
    execute(_add(configured(common or Common()), silence, as_json=prints_json(asked=json)))


@app.command(name="list")
def list_silences(
    *,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """List the silences that are in force or to come; the first to end comes first.

    **Example**

    `virtpulse silence list --json | jq -r .id`

    Args:
        all_: Also list those that are over; they are kept for a week.
        json: Print JSON lines; by itself where standard output is no terminal.
        common: The options of every command.
    """
    execute(_list(configured(common or Common()), everything=all_, as_json=prints_json(asked=json)))


@app.command
def remove(*ids: str, common: Common | None = None) -> None:
    """End silences now; what fires and was kept quiet is told.

    **Example**

    `virtpulse silence remove 9f3c1a2b`

    Args:
        ids: Which ones; the beginning of an id is enough where no other begins like that.
        common: The options of every command.
    """
    if not ids:
        msg = "silence remove needs the id of a silence; virtpulse silence list shows them"
        raise UsageError(msg)
    execute(_remove(configured(common or Common()), ids))


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody has told this process who runs it
        return ""


async def _add(configuration: Configuration, silence: Silence, *, as_json: bool) -> None:
    async with connected(configuration) as transport:
        await transport.publish([record(silence), *removals_of_old(await _silences(transport), silence.created)])
        covered = sum(silence.covers(labels) for labels in labels_of(await alert_states(transport)))
    span = lasting(silence.ends - silence.starts)
    if as_json:
        put_lines([encode(silence)])
        _log.info("silence added", id=silence.id, covers=covered)
    else:
        put_lines(
            [f"{silence.id}  for {span}, until {local_time(silence.ends)}; of the alerts that fire now it covers {covered}"]
        )


async def _list(configuration: Configuration, *, everything: bool, as_json: bool) -> None:
    now = SystemClock().time()
    async with connected(configuration) as transport:
        found = await _silences(transport)
    shown = sorted((one for one in found if everything or one.ends > now), key=lambda one: (one.ends, one.id))
    if as_json:
        put_lines(map(encode, shown))
    else:
        put_lines([_HEADING, *(_line(silence, now) for silence in shown)])
    if not shown:
        _log.info("no silence is in force or to come")


async def _remove(configuration: Configuration, beginnings: Sequence[str]) -> None:
    async with connected(configuration) as transport:
        known = [silence.id for silence in await _silences(transport)]
        ids = list(dict.fromkeys(_only(beginning, known) for beginning in beginnings))
        await transport.publish(list(map(removal, ids)))
    for id_ in ids:
        _log.info("silence removed", id=id_)


def _only(beginning: str, known: Sequence[str]) -> str:
    """Return the id that begins so. Raises UsageError if none does, or several."""
    found = [beginning] if beginning in known else [id_ for id_ in known if beginning and id_.startswith(beginning)]
    if not found:
        msg = f'there is no silence "{beginning[:40]}"; virtpulse silence list --all shows those that there are'
        raise UsageError(msg)
    if len(found) > 1:
        msg = f'"{beginning}" may be each of {", ".join(sorted(found)[:5])}; write more of the id'
        raise UsageError(msg)
    return found[0]


async def _silences(transport: Transport) -> list[Silence]:
    return [record.content for record in await standing(transport, SILENCES, read_silence)]


def _line(silence: Silence, now: float) -> str:
    state = "over" if silence.ends <= now else "in force" if silence.holds(now) else "to come"
    why = ": ".join(part for part in (silence.by, silence.reason) if part)
    told = f"{silence.id:<10}{state:<12}{local_time(silence.ends):<21}{' '.join(silence.matchers)}{f'  ({why})' if why else ''}"
    return fitted(printable(told))
