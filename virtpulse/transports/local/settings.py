"""What a user may set about the embedded log."""

import msgspec

from virtpulse.units import Duration, Size


class TopicSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, and how much of, one topic is kept; None leaves what holds for all topics."""

    max_age: Duration | None = None
    max_bytes: Size | None = None


class TopicsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The topics that can be bounded: all but the compacted ones, which keep the latest of each key."""

    samples: TopicSettings = TopicSettings()
    aggregates: TopicSettings = TopicSettings()
    late: TopicSettings = TopicSettings()
    deadletters: TopicSettings = TopicSettings()
    alerts: TopicSettings = TopicSettings()

    def of(self, name: str) -> TopicSettings:
        """Return what is set for the topic of that name."""
        topics: dict[str, TopicSettings] = msgspec.structs.asdict(self)
        return topics.get(name, TopicSettings())


class LocalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, and how much of, each topic is kept; None leaves the topic's own bounds. `topics` says it for one topic."""

    max_age: Duration | None = None
    max_bytes: Size | None = None
    topics: TopicsSettings = TopicsSettings()
