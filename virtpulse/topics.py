"""The topics that roles meet at, by their logical names. A transport adds the deployment's prefix."""

from typing import Final, Literal, NamedTuple

TopicName = Literal["samples", "aggregates", "sources", "late", "deadletters", "alerts"]

SAMPLES: Final = "samples"
AGGREGATES: Final = "aggregates"
SOURCES: Final = "sources"
LATE: Final = "late"
DEADLETTERS: Final = "deadletters"
ALERTS: Final = "alerts"
ALERT_STATES: Final = "alert-states"
SILENCES: Final = "silences"
NOTIFICATIONS: Final = "notifications"

_DAY = 86_400.0


class Topic(NamedTuple):
    """How a topic is kept.

    `compacted`: the latest value of each key survives, an empty value removes the key.
    `max_age` in seconds and `max_bytes` bound what is not compacted; the oldest goes first.
    """

    name: str
    compacted: bool = False
    max_age: float = 7 * _DAY
    max_bytes: int = 1 << 30


TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(SAMPLES),
        Topic(AGGREGATES),
        Topic(SOURCES, compacted=True),
        Topic(LATE),
        Topic(DEADLETTERS),
        Topic(ALERTS, max_age=30 * _DAY),
        Topic(ALERT_STATES, compacted=True),
        Topic(SILENCES, compacted=True),
        Topic(NOTIFICATIONS, compacted=True),
    )
}
