"""`virtpulse alerts`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from cyclopts import App, Parameter
from msgspec import UNSET

from virtpulse.cli.alert_lines import marked_line
from virtpulse.cli.common import Common, configured
from virtpulse.cli.executing import connected, execute
from virtpulse.cli.printing import prints_json, put_lines
from virtpulse.cli.records import Record, alert_states, standing
from virtpulse.clock import SystemClock
from virtpulse.config.load import Configuration
from virtpulse.logs import get_logger
from virtpulse.messages.alert import BEATS_FOR, WATCHDOG, Alert, AlertState, severity_rank
from virtpulse.messages.alert_reading import read_silence
from virtpulse.messages.silence import Silence, silencing
from virtpulse.topics import SILENCES
from virtpulse.wording import lasting

app = App(name="alerts", help="Look at what fires.")

_HEADING: Final = f"{'since':<19}  {'state':<10} {'severity':<8}  alert"
_NO_LABELS: Final[Mapping[str, str]] = {}
_log = get_logger(__name__)


@app.command(name="list")
def list_alerts(
    *,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    json: bool = False,
    common: Common | None = None,
) -> None:
    """List the alerts that fire now, the worst first.

    **Examples**

    `virtpulse alerts list`

    `virtpulse alerts list --all --json | jq -r 'select(.state == "pending") | .source'`

    Args:
        all_: Also list those that are pending, and those that are kept back because their host is silent.
        json: Print JSON lines, the states as they are remembered; by itself where standard output is no terminal.
        common: The options of every command.
    """
    configuration = configured(common or Common())
    execute(_list(configuration, everything=all_, as_json=prints_json(asked=json)))


async def _list(configuration: Configuration, *, everything: bool, as_json: bool) -> None:
    async with connected(configuration) as transport:
        states = await alert_states(transport)
        silences = [record.content for record in await standing(transport, SILENCES, read_silence)]
    now = SystemClock().time()
    shown = [record for record in states if _is_shown(record.content, everything=everything)]
    shown.sort(key=lambda record: _rank(record.content))
    if as_json:
        put_lines(record.message.value for record in shown)
    else:
        put_lines([_HEADING, *(_line(record.content, silences, now) for record in shown)])
    if not shown:
        _log.info("nothing fires")
    _warn_if_old(states, now)


def _is_shown(state: AlertState, *, everything: bool) -> bool:
    if state.rule == WATCHDOG:
        return False
    return everything or (state.state != "pending" and state.inhibited is UNSET)


def _rank(state: AlertState) -> tuple[int, str, str, str]:
    return severity_rank(_labels(state).get("severity", "")), state.source, state.rule, state.key


def _line(state: AlertState, silences: Sequence[Silence], now: float) -> str:
    severity = _labels(state).get("severity", "-")
    since = state.since if state.fired is UNSET else state.fired
    place = " ".join(part for part in (state.rule, state.source, state.key) if part)
    text = state.alert.text.removeprefix(f"[{severity}] ") if isinstance(state.alert, Alert) else place
    return marked_line(since, _status(state, silences, now), severity, text)


def _status(state: AlertState, silences: Sequence[Silence], now: float) -> str:
    if state.inhibited is not UNSET:
        return "inhibited"
    if state.state != "pending" and silencing(silences, _labels(state), now) is not None:
        return "silenced"
    return state.state


def _labels(state: AlertState) -> Mapping[str, str]:
    return state.alert.labels if isinstance(state.alert, Alert) else _NO_LABELS


def _warn_if_old(states: Sequence[Record[AlertState]], now: float) -> None:
    """Say so where nobody judges alerts: the Watchdog is written as long as somebody does."""
    beats = [record.message.time for record in states if record.content.rule == WATCHDOG]
    if beats and now - max(beats) > BEATS_FOR:
        _log.warning(f"the alerts were judged last {lasting(now - max(beats))} ago: what is shown may be old")
