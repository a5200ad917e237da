"""Taking sources out of service: which ones are meant, and the samples by which everybody learns of it."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import msgspec

from virtpulse.errors import InvalidError, UsageError
from virtpulse.globs import is_like
from virtpulse.messages.codec import decode
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.sample import Ended, Sample
from virtpulse.messages.source import Source
from virtpulse.transports.interface import Message


@dataclass(frozen=True, slots=True)
class Meant:
    """What one name or pattern means: its own sources and those below them, and their views that have not ended so yet."""

    pattern: str
    own: frozenset[str]
    below: frozenset[str]
    views: Sequence[Source]


def read_source(message: Message) -> Source:
    """Return a record of the inventory. Raises InvalidError."""
    try:
        return decode(message.value, Source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(WHOLE, str(error)) from None


def meant(patterns: Sequence[str], inventory: Sequence[Source], why: Ended) -> list[Meant]:
    """Return what each pattern means in the inventory. Raises UsageError that names near ones for what means nothing."""
    names = sorted({view.source for view in inventory})
    return [_meant(pattern, names, inventory, why) for pattern in patterns]


def ending_samples(found: Sequence[Meant], why: Ended, now: float) -> list[Sample]:
    """Return the sample that ends each view, those of one host side by side.

    Each is dated `now`, or as the newest of its view where that is dated later, lest it come too late.
    """
    views = {(view.source, view.view or ""): view for one in found for view in one.views}
    return [
        Sample(source=view.source, view=view.view, time=max(now, view.time), ended=why)
        for _, view in sorted(views.items(), key=lambda item: (item[0][0].split("/"), item[0][1]))
    ]


def _meant(pattern: str, names: Sequence[str], inventory: Sequence[Source], why: Ended) -> Meant:
    own = frozenset(name for name in names if is_like(name, pattern))
    below = frozenset(name for name in names if name not in own and any(is_like(one, pattern) for one in _above(name)))
    if not own and not below:
        near = difflib.get_close_matches(pattern, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "virtpulse sources list shows those that are"
        msg = f'there is no source "{pattern[:80]}"; {hint}'
        raise UsageError(msg)
    views = [view for view in inventory if view.source in own | below and view.ended != why]
    return Meant(pattern, own, below, views)


def _above(name: str) -> Iterator[str]:
    """Yield the path of each segment but the last: `a`, `a/b` for `a/b/c`."""
    *above, _ = name.split("/")
    return accumulate(above, "{}/{}".format)
