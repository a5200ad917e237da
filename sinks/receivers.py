"""What the settings of all notifying sinks have in common: receivers with names and matchers, and the library that they need."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, Protocol

import msgspec

from virtpulse.errors import RefusedError, UsageError
from virtpulse.messages.bounds import LABEL
from virtpulse.messages.matchers import parse_matcher
from virtpulse.runtime.roles import Notification, NotifierSpec, Receiver, Repeats
from virtpulse.units import Duration

GroupBy = Sequence[Annotated[str, msgspec.Meta(pattern=f"^{LABEL.pattern}$")]]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Named(Protocol):
    """What an element of `[[sinks.NAME.to]]` has at least."""

    @property
    def name(self) -> str:
        """A short word, which no other receiver of the sink has."""
        ...

    @property
    def match(self) -> Sequence[str]:
        """The matchers of the alerts that it is told of, none for all."""
        ...


class Notifying(Protocol):
    """What the settings of `[sinks.NAME]` have at least."""

    @property
    def to(self) -> Sequence[Named]:
        """Who is told."""
        ...

    @property
    def group_by(self) -> Sequence[str]:
        """Labels by whose values alerts come together."""
        ...

    @property
    def group_wait(self) -> Duration:
        """How long to wait after a group's first change."""
        ...

    @property
    def group_interval(self) -> Duration:
        """How much lies between two notifications of a group at least."""
        ...

    @property
    def repeat_interval(self) -> Duration:
        """After how long what still fires is told again."""
        ...

    @property
    def watchdog(self) -> Duration:
        """How often the Watchdog is told, 0 for never."""
        ...


def check_receiver(receiver: Named) -> None:
    """Raise ValueError, which begins with the field, for a name that is no short word or a matcher that cannot be read."""
    if not _NAME.fullmatch(receiver.name):
        msg = f'name must be a word of letters, digits and ._- with at most 40 characters, got "{receiver.name[:60]}"'
        raise ValueError(msg)
    for matcher in receiver.match:
        try:
            parse_matcher(matcher)
        except ValueError as error:
            msg = f"match {error}"
            raise ValueError(msg) from error


def check_names(to: Iterable[Named]) -> None:
    """Raise ValueError, which begins with the field, where two receivers have one name."""
    seen: set[str] = set()
    for receiver in to:
        if receiver.name in seen:
            msg = f'to has two receivers named "{receiver.name}"; what they were told is remembered by name, so give each its own'
            raise ValueError(msg)
        seen.add(receiver.name)


def check_longer_than_nothing(**spans: Duration) -> None:
    """Raise ValueError, which begins with the field, for a span of 0 s."""
    for field, span in spans.items():
        if not span:
            msg = f"{field} must be longer than 0s"
            raise ValueError(msg)


def require_receivers(sink: str, to: Sequence[Named]) -> None:
    """Raise UsageError for a sink that is to run and has nobody to tell."""
    if not to:
        msg = f"the sink {sink} has nobody to tell: give [[sinks.{sink}.to]] a name and a url"
        raise UsageError(msg)


def notifier_spec(sink: str, settings: Notifying, repeats: Repeats = Repeats.AUDIBLE) -> NotifierSpec:
    """Return how the runtime runs a sink with these settings."""
    return NotifierSpec(
        sink,
        tuple(Receiver(receiver.name, tuple(receiver.match)) for receiver in settings.to),
        settings.group_by,
        wait=settings.group_wait,
        interval=settings.group_interval,
        repeat=settings.repeat_interval,
        watchdog=settings.watchdog,
        repeats=repeats,
    )


@contextmanager
def refused_whole(notification: Notification) -> Iterator[None]:
    """Let a RefusedError from inside be one for every alert of the notification, with its first reason."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(dict.fromkeys(range(len(notification.alerts)), error.first)) from error


@contextmanager
def needing(library: str, sink: str, extra: str) -> Iterator[None]:
    """Raise UsageError, which says what to install, where the import inside lacks `library`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise
        msg = f"the sink {sink} needs the extra [{extra}]: pip install 'virtpulse[{extra}]'"
        raise UsageError(msg) from error
