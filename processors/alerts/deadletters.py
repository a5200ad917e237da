"""Judging dead letters: each is an event."""

from collections.abc import Sequence

import msgspec

from processors.alerts.life import Course
from processors.alerts.register import Register
from processors.alerts.rule import Rule
from processors.alerts.sources import Sources
from processors.alerts.writing import Standing
from virtpulse.globs import is_like
from virtpulse.topics import ALERTS
from virtpulse.transports.interface import Message


class _Letter(msgspec.Struct):
    """What of a dead letter says where it came from."""

    topic: str = ""


class DeadLetterJudge:
    """Raises alerts of dead letters, for each host that they came from; those of nobody known have no host.

    A letter of an alert that a receiver refused raises none: that one would be refused in turn.
    """

    def __init__(self, rules: Sequence[Rule], sources: Sources, register: Register) -> None:
        self._rules = [rule for rule in rules if rule.on == "deadletter"]
        self._sources = sources
        self._register = register

    def judge(self, message: Message, monotonic: float) -> None:
        """Take the steps that a dead letter leads to; when the log took it in is its time."""
        if _topic(message) == ALERTS:
            return
        host = message.key if self._sources.get(message.key) is not None and "/" not in message.key else ""
        for rule in self._rules:
            standing = self._register.of_source(host).get((rule.name, ""))
            if standing is not None:
                standing.judged = monotonic
                self._register.apply(standing, standing.course.holds(message.time), message.time)
            elif is_like(host, rule.source):
                standing = Standing(rule, host, "", "", Course(0.0, rule.lasting, message.time))
                standing.judged = monotonic
                self._register.begin(standing, message.time)


def _topic(message: Message) -> str:
    try:
        return msgspec.json.decode(message.value, type=_Letter).topic
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
