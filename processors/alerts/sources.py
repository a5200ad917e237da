"""The sources that the worker knows: when each of their views was heard last, when it will be again, and whether it ended."""

from collections.abc import Iterator, Mapping
from typing import Final

from virtpulse.messages.bounds import MAX_FACT_CHARS
from virtpulse.messages.sample import Fact, host_of

VM_ID: Final = "vm.id"
MOST_SOURCES: Final = 1_000_000
STRAGGLES: Final = 10.0  # seconds for which samples of other views may still come after a machine has ended

_TIMES_DUE: Final = 3.0
_SHARE: Final = 0.8  # of the longest gap between two messages that is remembered after as long a time again
_OF_ONE_VIEW: Final = "stopped"  # a producer that was stopped; any other end is the machine's
NO_FACTS: Final[Mapping[str, Fact]] = {}


class View:
    """What is known of one of a source's views.

    heard: when its last message was read, by the worker's monotonic clock. arrived: when the log took it in. time: the newest
    event time; both in seconds since the epoch. due: seconds that it said there are between its messages, 0 if it did not. gap:
    the longest time between two of its messages lately, by the log, 0 before the second one. ended: why it ended, empty while it
    goes on. noted: whether the inventory has a record of it.
    """

    __slots__ = ("arrived", "due", "ended", "gap", "heard", "noted", "time")

    def __init__(self, heard: float) -> None:
        self.heard = heard
        self.arrived = 0.0
        self.time = 0.0
        self.due = 0.0
        self.gap = 0.0
        self.ended = ""
        self.noted = False

    def hear(self, monotonic: float, arrived: float) -> None:
        """Take note of a message. What comes in a burst says nothing of how long the next one will be away."""
        if self.arrived:
            gap = max(arrived - self.arrived, 0.0)
            self.gap = max(gap, self.gap * _SHARE ** (gap / self.gap)) if self.gap else gap
        self.arrived = max(arrived, self.arrived)
        self.heard = monotonic

    def quiet(self, shortest: float) -> float:
        """Return after how many seconds without a message it is silent, 0 while nobody can know."""
        usual = self.due or self.gap
        return max(shortest, _TIMES_DUE * usual) if usual else 0.0


class Source:
    """What is known of a source.

    ended_at: since when it has ended, in event time, None while it goes on. scheduled: for when it is among those whose deadlines
    are waited for, None if it is not. resumed, vouched: when it was heard after it had been overdue, when its host was heard
    first after its own deadline, by the monotonic clock. overdue, silent: whether its deadline has passed; whether an alert says
    so.
    """

    __slots__ = (
        "ended_at", "facts", "host", "is_guest", "name", "overdue", "resumed", "scheduled", "silent", "views", "vouched",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.host = host_of(name)
        self.is_guest = self.host != name
        self.views: dict[str, View] = {}
        self.facts: Mapping[str, Fact] = NO_FACTS
        self.ended_at: float | None = None
        self.scheduled: float | None = None
        self.resumed = 0.0
        self.vouched: float | None = None
        self.overdue = False
        self.silent = False

    @property
    def heard(self) -> float:
        """When the last message of any view was read."""
        return max((view.heard for view in self.views.values()), default=0.0)

    @property
    def arrived(self) -> float:
        """When the log took in the last message of any view, 0 where that is not known."""
        return max((view.arrived for view in self.views.values()), default=0.0)

    def view(self, name: str, monotonic: float) -> View:
        """Return a view, a new one if it was not known."""
        found = self.views.get(name)
        if found is None:
            found = self.views[name] = View(monotonic)
        return found

    def deadline(self, since: float, shortest: float) -> float | None:
        """Return until when one of its views must be heard, None while none is expected; nobody was heard before `since`."""
        expected = [
            max(view.heard, since) + quiet
            for view in self.views.values()
            if not view.ended and (quiet := view.quiet(shortest))
        ]  # fmt: skip
        return max(expected) if expected and self.ended_at is None else None

    def quiet(self, shortest: float) -> float:
        """Return after how many seconds it is silent, 0 while nobody can know."""
        return max((view.quiet(shortest) for view in self.views.values() if not view.ended), default=0.0)

    def settle(self) -> None:
        """Find out whether it has ended.

        It has once all its views have, or at once where a view says that the machine ended, unless another one was taken well
        after that: the last words of an agent in a guest must not revive it.
        """
        ends = [view for view in self.views.values() if view.ended]
        final = [end.time for end in ends if end.ended != _OF_ONE_VIEW and not self._goes_on(end)]
        if final or (ends and len(ends) == len(self.views)):
            self.ended_at = min(final) if final else max(end.time for end in ends)
        else:
            self.ended_at = None

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take up facts."""
        if facts and facts != self.facts:
            self.facts = {**self.facts, **facts}

    def _goes_on(self, end: View) -> bool:
        return any(not view.ended and view.time > end.time + STRAGGLES for view in self.views.values())


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

    def add(self, name: str) -> Source | None:
        """Return a new source, None if there are too many."""
        if len(self._by_name) >= MOST_SOURCES:
            return None
        source = self._by_name[name] = Source(name)
        return source

    def forget(self, name: str) -> None:
        """Drop a source."""
        self._by_name.pop(name, None)

    def wanted(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Return those of the facts that somebody asks for."""
        found = {name: facts[name] for name in self._wanted if name in facts}
        return {name: fact for name, fact in found.items() if not isinstance(fact, str) or len(fact) <= MAX_FACT_CHARS}

    def facts(self, name: str) -> Mapping[str, Fact]:
        """Return what is kept of a source's facts."""
        source = self._by_name.get(name)
        return NO_FACTS if source is None else source.facts

    def vm_id(self, name: str) -> str:
        """Return the virtual machine's id, empty where it is not known."""
        return str(self.facts(name).get(VM_ID, ""))
