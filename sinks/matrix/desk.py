"""From a command to what is answered, and what is published for it."""

from collections.abc import Sequence
from typing import Final, NamedTuple, assert_never

from sinks.matrix.answer import Answer
from sinks.matrix.answers.alerts import alerts
from sinks.matrix.answers.overview import overview
from sinks.matrix.answers.silences import ended, made, silences
from sinks.matrix.answers.status import status, status_of
from sinks.matrix.answers.top import top
from sinks.matrix.answers.why import why
from sinks.matrix.commands import (
    Alerts,
    CommandError,
    Help,
    Question,
    Silenced,
    Silencing,
    Status,
    Top,
    Unsilencing,
    Why,
    parse,
)
from sinks.matrix.memory import Memory
from virtpulse.clock import Clock
from virtpulse.errors import InvalidError
from virtpulse.harmless import harmless
from virtpulse.messages.silence import Silence
from virtpulse.runtime.silencing import new_silence, record, removal, removals_of_old
from virtpulse.transports.interface import Outgoing

_MOST_SAID: Final = 300  # characters of what is wrong with a silence


class Change(NamedTuple):
    """A silence to be made, or ended if `message` is empty; the answer is said once the topic has it.

    old: what removes silences that have long been over.
    """

    silence: Silence
    message: Outgoing
    answer: Answer
    old: Sequence[Outgoing] = ()


class Desk:
    """Answers commands from what is remembered. It never waits and calls nobody."""

    def __init__(self, prefix: str, memory: Memory, clock: Clock) -> None:
        self._prefix = prefix
        self._memory = memory
        self._clock = clock

    def handle(self, text: str, person: str) -> Answer | Change:
        """Return what `text`, a command of `person`, leads to."""
        try:
            command = parse(text)
        except CommandError as error:
            return Answer([str(error)])
        match command:
            case Silencing():
                return self._silence(command, person)
            case Unsilencing(id=name):
                return self._unsilence(name)
            case _:
                return self._look(command)

    def _look(self, question: Question) -> Answer:
        memory, clock = self._memory, self._clock
        match question:
            case Help():
                return overview(self._prefix)
            case Status(source=source):
                return status_of(source, memory, clock) if source else status(memory, clock)
            case Top(resource=resource):
                return top(resource, memory, clock)
            case Alerts(glob=glob):
                return alerts(glob, memory, clock)
            case Why(fingerprint=fingerprint):
                return why(fingerprint, memory, clock)
            case Silenced():
                return silences(memory, clock)
            case _:
                assert_never(question)

    def _silence(self, command: Silencing, person: str) -> Answer | Change:
        now = self._clock.time()
        try:
            silence = new_silence(command.matchers, command.seconds, now, reason=command.reason, by=person)
        except InvalidError as error:
            return Answer([harmless(error.reason, _MOST_SAID)])
        old = removals_of_old(self._memory.silences.values(), now)
        return Change(silence, record(silence), made(silence, self._memory, self._clock), old)

    def _unsilence(self, name: str) -> Answer | Change:
        silence = self._memory.silences.get(name)
        if silence is None:
            return Answer([f"no silence is called {harmless(name, 40)}; silences lists them"])
        return Change(silence, removal(silence.id), ended(silence))
