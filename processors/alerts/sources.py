"""The sources that the worker knows, and when each was heard last."""

from collections.abc import Iterator, Mapping
from typing import Final

from virtpulse.messages.sample import Fact, host_of

VM_ID: Final = "vm.id"
MOST_SOURCES: Final = 1_000_000

_SHARE: Final = 0.8  # of the longest gap between two messages that is remembered at the next one
NO_FACTS: Final[Mapping[str, Fact]] = {}


class Source:
    """What is known of a source; `heard`, `deadline` and `resumed` by the worker's monotonic clock.

    heard: when its last message was read. views: the same for each view but the main one. arrived: when the log took it in, in
    seconds since the epoch. gap: the longest time between two of its messages lately, by the log, 0 before the second one.
    due: seconds that it said there are between its messages, 0 if it did not. deadline: until when it need not be heard again.
    absent: seconds of quiet after which it is silent, 0 while nobody can know. resumed: when it was heard after it had been
    overdue. vouched: when its host was heard first after its own deadline. ended: why it ended, empty while it goes on. overdue,
    silent: whether its deadline has passed; whether an alert says so. is_guest: whether it is a guest or device of a host.
    """

    __slots__ = (
        "absent", "arrived", "deadline", "due", "ended", "facts", "gap", "heard", "host", "is_guest", "name", "noted", "overdue",
        "resumed", "silent", "views", "vouched", "waiting",
    )  # fmt: skip

    def __init__(self, name: str, heard: float) -> None:
        self.name = name
        self.host = host_of(name)
        self.is_guest = self.host != name
        self.heard = heard
        self.views: dict[str, float] | None = None
        self.arrived = 0.0
        self.gap = 0.0
        self.due = 0.0
        self.deadline = heard
        self.absent = 0.0
        self.resumed = 0.0
        self.vouched: float | None = None
        self.ended = ""
        self.overdue = False
        self.silent = False
        self.waiting = False  # whether its deadline is among those that are waited for
        self.facts: Mapping[str, Fact] = NO_FACTS
        self.noted: tuple[str, ...] = ()  # its views that the inventory has a record of

    def hear(self, view: str, monotonic: float, arrived: float) -> None:
        """Take note of a message of one of its views."""
        if self.arrived:
            self.gap = max(arrived - self.arrived, _SHARE * self.gap)
        self.arrived = max(arrived, self.arrived)
        if view or self.views is not None:
            self.views = {"": self.heard} if self.views is None else self.views
            self.views[view] = monotonic
        self.heard = monotonic

    def heard_view(self, view: str) -> float:
        """Return when a view was heard last, as far as that is known."""
        return self.heard if not view or self.views is None else self.views.get(view, 0.0)

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take up facts."""
        if facts and facts != self.facts:
            self.facts = {**self.facts, **facts}


class Sources:
    """The sources by name. `wanted`: the facts that are kept of each; nobody asks for the others."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted | {VM_ID}
        self._by_name: dict[str, Source] = {}
        self.get = self._by_name.get

    def __len__(self) -> int:
        """Return how many sources are known."""
        return len(self._by_name)

    def __iter__(self) -> Iterator[Source]:
        """Yield all sources."""
        return iter(self._by_name.values())

    def add(self, name: str, monotonic: float) -> Source | None:
        """Return a new source, None if there are too many."""
        if len(self._by_name) >= MOST_SOURCES:
            return None
        source = self._by_name[name] = Source(name, monotonic)
        return source

    def forget(self, name: str) -> None:
        """Drop a source."""
        self._by_name.pop(name, None)

    def wanted(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Return those of the facts that somebody asks for."""
        return {name: facts[name] for name in self._wanted if name in facts}

    def facts(self, name: str) -> Mapping[str, Fact]:
        """Return what is kept of a source's facts."""
        source = self._by_name.get(name)
        return NO_FACTS if source is None else source.facts

    def vm_id(self, name: str) -> str:
        """Return the virtual machine's id, empty where it is not known."""
        return str(self.facts(name).get(VM_ID, ""))
