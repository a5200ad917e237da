"""The views: who sends, and what each one's own clock has reached."""

import math
from typing import Any, ClassVar, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, UnsetType

from processors.windows.columns import Columns
from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.reading import check_facts
from virtpulse.messages.sample import Ended, Fact, host_of

NEVER: Final = -math.inf
MAX_VIEWS: Final = 1_000_000


class Facts:
    """A sample's facts, kept once for all samples that spell them alike.

    raw: their JSON, empty where a sample has none. identity: a hash of them, -1 for none. colons: those of their JSON, its
    own name's included.
    """

    __slots__ = ("colons", "content", "identity", "raw")

    def __init__(self, raw: msgspec.Raw, content: dict[str, Fact]) -> None:
        self.raw = raw
        self.content = content
        if not bytes(raw):
            self.identity, self.colons = -1.0, 0.0
            return
        self.identity = float(hash(frozenset((key, repr(fact)) for key, fact in content.items())) & (1 << 52) - 1)
        texts = (text.count(":") for pair in content.items() for text in pair if isinstance(text, str))
        self.colons = float(1 + len(content) + sum(texts))


NO_FACTS: Final = Facts(msgspec.Raw(), {})
_decode: Final = msgspec.json.Decoder(dict[str, Fact]).decode


class View:
    """What is known of one view of a source beside its row of numbers.

    view: empty for the main one. looked: the facts of its latest sample. facts: merged over all samples.
    open: its open windows, each as its place on the time line and its number.
    ended: why it ended, None while it goes on.
    """

    __slots__ = ("ended", "facts", "host", "looked", "number", "open", "place", "source", "view")

    def __init__(self, number: int, source: str, view: str) -> None:
        self.number = number
        self.place = float(number)  # as it is packed
        self.source = source
        self.view = view
        self.host = host_of(source)
        self.looked: Facts = NO_FACTS
        self.facts: dict[str, Fact] = {}
        self.open: list[tuple[int, int]] = []
        self.ended: Ended | None = None


class Views(Columns):
    """All views, by (source, view) and by number, with what is known of each as columns.

    newest: largest event time seen; restored: the same as the record says that was taken up. closed_until: windows up to here
    are closed by quiet. late: late samples not yet told in an aggregate. interval, due: as the latest sample said, 0 if it
    did not; told_interval, told_due: as its record says. first, last: when the log took in its first and its latest message.
    heard, advanced: by the worker's monotonic clock, when its last message came and when the newest did. next_end: the
    earliest end of its open windows. rewrite: when its record is to be written again. colons: those that the JSON of its
    source and view has. sighted: whether a valid sample of it came, or a record. gone: whether it ended. facts_identity: of
    the facts merged last. position: of its last message. serial: a number that no other view has had, as numbers are used
    again.
    """

    newest: npt.NDArray[np.float64]
    restored: npt.NDArray[np.float64]
    closed_until: npt.NDArray[np.float64]
    late: npt.NDArray[np.int64]
    interval: npt.NDArray[np.float64]
    due: npt.NDArray[np.float64]
    told_interval: npt.NDArray[np.float64]
    told_due: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]
    heard: npt.NDArray[np.float64]
    advanced: npt.NDArray[np.float64]
    next_end: npt.NDArray[np.float64]
    rewrite: npt.NDArray[np.float64]
    colons: npt.NDArray[np.int64]
    sighted: npt.NDArray[np.bool_]
    gone: npt.NDArray[np.bool_]
    facts_identity: npt.NDArray[np.float64]
    position: npt.NDArray[np.int64]
    serial: npt.NDArray[np.int64]

    FIELDS: ClassVar[dict[str, tuple[npt.DTypeLike, Any]]] = {
        "newest": (np.float64, NEVER),
        "restored": (np.float64, 0.0),
        "closed_until": (np.float64, NEVER),
        "late": (np.int64, 0),
        "interval": (np.float64, 0.0),
        "due": (np.float64, 0.0),
        "told_interval": (np.float64, 0.0),
        "told_due": (np.float64, 0.0),
        "first": (np.float64, 0.0),
        "last": (np.float64, 0.0),
        "heard": (np.float64, math.inf),
        "advanced": (np.float64, math.inf),
        "next_end": (np.float64, math.inf),
        "rewrite": (np.float64, math.inf),
        "colons": (np.int64, 0),
        "sighted": (np.bool_, False),
        "gone": (np.bool_, False),
        "facts_identity": (np.float64, -1.0),
        "position": (np.int64, -1),
        "serial": (np.int64, 0),
    }

    def __init__(self) -> None:
        super().__init__()
        self._by_name: dict[tuple[str, str | UnsetType], View] = {}
        self.by_number: list[View | None] = []
        self._added = 0
        self.find = self._by_name.get

    def __len__(self) -> int:
        """Return how many views there are."""
        return len(self._by_name)

    def __getitem__(self, number: int) -> View:
        """Return the view with this number."""
        view = self.by_number[number]
        if view is None:
            raise KeyError(number)
        return view

    def add(self, source: str, view: str | UnsetType) -> View:
        """Check and register a view that was not known. Raises InvalidError."""
        if not bounds.is_source(source):
            msg = "source is wrong"
            raise InvalidError(field="source", reason=msg)
        if view is not UNSET and not bounds.VIEW.fullmatch(view):
            msg = "view is wrong"
            raise InvalidError(field="view", reason=msg)
        if len(self) >= MAX_VIEWS:
            msg = f"source is one too many: this worker watches {MAX_VIEWS} already"
            raise InvalidError(field="source", reason=msg)
        found = View(self.take(), source, view or "")
        if found.number == len(self.by_number):
            self.by_number.append(found)
        else:
            self.by_number[found.number] = found
        self._by_name[source, view] = found
        self._added += 1
        self.serial[found.number] = self._added
        self.colons[found.number] = source.count(":") + bool(view)
        return found

    def remove(self, view: View) -> None:
        """Forget a view that has no open window."""
        del self._by_name[view.source, view.view or UNSET]
        self.by_number[view.number] = None
        self.give_back([view.number])


def facts_of(raw: msgspec.Raw) -> Facts:
    """Read and check facts and return them for keeping. Raises InvalidError, msgspec.DecodeError, UnicodeDecodeError."""
    if not bytes(raw):
        return NO_FACTS
    content = _decode(raw)
    check_facts("facts", content)
    return Facts(raw.copy(), content)


def merged(facts: dict[str, Fact], more: dict[str, Fact]) -> dict[str, Fact]:
    """Return the facts with `more` over them; where they become too many, those that were set first go."""
    both = {**{key: fact for key, fact in facts.items() if key not in more}, **more}
    for key in list(both)[: max(0, len(both) - bounds.MAX_FACTS)]:
        del both[key]
    return both
