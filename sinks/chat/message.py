"""The message that tells of a group of alerts, within so many lines and characters."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from sinks.chat.wordings import advice, grade, line, rule_of, title
from virtpulse.messages.alert import Alert
from virtpulse.runtime.roles import Notification

_RULES_NAMED: Final = 5  # of those whose alerts find no room
_CUT: Final = "…"


class Room(NamedTuple):
    """How much a service takes: lines and characters of title and body together, and characters of the title."""

    lines: int
    chars: int
    title_chars: int


class Message(NamedTuple):
    """What is posted. grades: what its alerts are, as critical or resolved."""

    title: str
    body: str
    grades: frozenset[str]


def compose(notification: Notification, now: float, room: Room) -> Message:
    """Return the message of a notification. News come before what was told already, and each of both by rule, worst first."""
    alerts = [alert for alert, _ in _in_order(notification)]
    head = _cut(title(notification.group, alerts), min(room.title_chars, room.chars))
    lines = list(islice(_lines(notification, now), room.lines))  # as many as could find room
    body = _body(lines, [rule_of(alert) for alert in alerts], room.lines - 1, room.chars - len(head) - 1)
    return Message(head, body, frozenset(map(grade, alerts)))


def _in_order(notification: Notification) -> list[tuple[Alert, bool]]:
    """Return the alerts, each with whether it is told again, in the order of their lines."""
    told = [(alert, alert.fingerprint not in notification.news) for alert in notification.alerts]
    blocks: dict[tuple[bool, str], list[tuple[Alert, bool]]] = {}
    for alert, repeated in sorted(told, key=lambda each: each[1]):
        blocks.setdefault((repeated, rule_of(alert)), []).append((alert, repeated))
    return [each for block in blocks.values() for each in block]


def _lines(notification: Notification, now: float) -> Iterator[str]:
    advised: set[str] = set()
    for alert, repeated in _in_order(notification):
        told = line(alert, now, repeated=repeated)
        rule, what_to_do = rule_of(alert), advice(alert)
        yield told + what_to_do if rule not in advised else told
        if what_to_do:
            advised.add(rule)


def _body(lines: Sequence[str], rules: Sequence[str], most_lines: int, most_chars: int) -> str:
    """Return as many of the lines as find room, and behind them which did not; `rules` has the rules of all alerts."""
    whole = "\n".join(lines)
    if len(rules) <= most_lines and len(whole) <= most_chars:
        return whole
    for count in range(min(len(lines), most_lines - 1), -1, -1):
        body = "\n".join([*lines[:count], _more(rules[count:])])
        if len(body) <= most_chars:
            return body
    return _cut(lines[0] if lines else "", max(most_chars, 0))


def _more(rules: Sequence[str]) -> str:
    counts = Counter(rules).most_common()
    named = ", ".join(f"{rule} {count}" for rule, count in counts[:_RULES_NAMED])
    others = sum(count for _, count in counts[_RULES_NAMED:])
    return f"{_CUT} and {len(rules)} more: {named}{f', others {others}' if others else ''}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: max(0, limit - 1)]}{_CUT}"[:limit]
