"""What can be set of the files, and what their names look like."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from virtpulse.errors import UsageError
from virtpulse.topics import AGGREGATES, TopicName
from virtpulse.units import Duration, Size

_TIME: Final = "%Y%m%dT%H%M%S.%fZ"
_TIME_PATTERN: Final = r"(?P<time>\d{8}T\d{6}\.\d{6}Z)"


class JsonlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `[sinks.jsonl]`.

    path: where the files go; `{topic}` stands for the topic, `{time}` (in the file's name) for when the file was begun.
    max_bytes, max_age: a new file is begun before one grows larger or older. keep: so many files of a topic are kept,
    the oldest go first; 0 keeps all. topics: what is written.
    """

    path: str = "virtpulse-data/{topic}-{time}.jsonl"
    max_bytes: Size = Size(64 << 20)
    max_age: Duration = Duration(86_400)
    keep: Annotated[int, msgspec.Meta(ge=0)] = 100
    topics: Annotated[Sequence[TopicName], msgspec.Meta(min_length=1)] = (AGGREGATES,)


class FileNames:
    """The names of one topic's files; sorted as text they are sorted by time."""

    def __init__(self, settings: JsonlSettings, topic: str) -> None:
        path = Path(settings.path)
        unknown = set(re.findall(r"\{.*?\}", settings.path)) - {"{topic}", "{time}"}
        if unknown or path.name.count("{time}") != 1 or "{time}" in str(path.parent):
            msg = (
                f'sinks.jsonl.path must have {{time}} once in the name of the file, and may have {{topic}}, got "{settings.path}"'
            )
            raise UsageError(msg)
        if len(settings.topics) > 1 and "{topic}" not in settings.path:
            msg = f'sinks.jsonl.path must have {{topic}}, as there are several topics, got "{settings.path}"'
            raise UsageError(msg)
        self.folder = Path(str(path.parent).replace("{topic}", topic)).expanduser()
        self._name = path.name.replace("{topic}", topic)
        before, _, after = self._name.partition("{time}")
        self._pattern = re.compile(re.escape(before) + _TIME_PATTERN + re.escape(after))

    def at(self, moment: float) -> Path:
        """Return the name of a file begun at `moment`, seconds since the epoch."""
        return self.folder / self._name.replace("{time}", datetime.fromtimestamp(moment, UTC).strftime(_TIME))

    def existing(self) -> list[Path]:
        """Return the files that there are, oldest first."""
        return sorted(path for path in self.folder.iterdir() if self._pattern.fullmatch(path.name))

    def begun(self, path: Path) -> float:
        """Return when a file was begun, seconds since the epoch."""
        found = self._pattern.fullmatch(path.name)
        if found is None:
            msg = f"{path} is not a file of this sink"
            raise ValueError(msg)
        return datetime.strptime(found["time"], _TIME).replace(tzinfo=UTC).timestamp()
