"""Which silences hold, and what is said of one that was made or ended."""

from typing import Final

from sinks.matrix.answer import Answer, at_most, counted
from sinks.matrix.answers.wording import moment
from sinks.matrix.memory import Memory
from virtpulse.clock import Clock
from virtpulse.harmless import harmless
from virtpulse.messages.alert import Alert
from virtpulse.messages.silence import Silence

_LINES: Final = 20


def silences(memory: Memory, clock: Clock) -> Answer:
    """Return the silences that hold or will hold, the one that ends first first."""
    found = memory.holding()
    if not found:
        return Answer(["nothing is silenced"])
    lines = at_most([_line(silence, clock.time()) for silence in found], _LINES)
    return Answer([f"{counted(len(found), 'silence')}:", *lines])


def made(silence: Silence, memory: Memory, clock: Clock) -> Answer:
    """Return what is said once a silence is on its topic."""
    covered = sum(isinstance(state.alert, Alert) and silence.covers(state.alert.labels) for state in memory.firing())
    about = f"; {covered} of the alerts that fire now" if covered else "; none of the alerts that fire now"
    return Answer([f"silenced: {_line(silence, clock.time())}{about}"])


def ended(silence: Silence) -> Answer:
    """Return what is said once a silence is off its topic."""
    return Answer([f"{harmless(silence.id, 40)} silences {_matchers(silence)} no more; what still fires will be told again"])


def _line(silence: Silence, now: float) -> str:
    since = f"from {moment(silence.starts, now)} " if silence.starts > now else ""
    by = f", by {harmless(silence.by.removeprefix('@'), 80)}" if silence.by else ""
    reason = f": {harmless(silence.reason, 120)}" if silence.reason else ""
    return f"{harmless(silence.id, 40)} {_matchers(silence)} {since}until {moment(silence.ends, now)}{by}{reason}"


def _matchers(silence: Silence) -> str:
    return harmless(" ".join(silence.matchers), 200)
