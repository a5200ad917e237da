"""What fires."""

from typing import Final

from sinks.matrix.answer import Answer, at_most, counted
from sinks.matrix.answers.wording import alert_line
from sinks.matrix.memory import Memory
from virtpulse.clock import Clock
from virtpulse.globs import is_like
from virtpulse.harmless import harmless
from virtpulse.messages.alert import AlertState

_LINES: Final = 20


def alerts(glob: str, memory: Memory, clock: Clock) -> Answer:
    """Return the alerts that fire whose source or name `glob` matches, the most severe first."""
    found = [state for state in memory.firing() if _matches(state, glob)]
    of = "" if glob == "*" else f" of {harmless(glob, 60)}"
    if not found:
        return Answer([f"no alert{of} fires"])
    now = clock.time()
    lines = [alert_line(state, now, silenced=memory.is_silenced(state)) for state in found]
    said = f"{counted(len(found), 'alert')}{of} {'fires' if len(found) == 1 else 'fire'}:"
    return Answer([said, *at_most(lines, _LINES)])


def _matches(state: AlertState, glob: str) -> bool:
    return any(is_like(text, glob) for text in (state.source, state.rule))
