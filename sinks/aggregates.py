"""Aggregates as sinks take them: what anybody could have published, checked before it is kept or shown."""

from typing import Final, Never

import msgspec

from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.aggregate import Aggregate
from virtpulse.messages.reading import WHOLE
from virtpulse.messages.sample import MAPS

_DECODER: Final = msgspec.json.Decoder(Aggregate)


def read_aggregate(document: bytes) -> Aggregate:
    """Read one aggregate. Raises InvalidError with the field that is wrong."""
    try:
        aggregate = _DECODER.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = f"message must be an aggregate: {error}"
        raise InvalidError(WHOLE, reason) from None
    _check("source", len(aggregate.source), bounds.MAX_SOURCE_CHARS, "characters")
    view = aggregate.view
    if isinstance(view, str):
        _check("view", len(view), bounds.MAX_KEY_CHARS, "characters")
    if not 0 <= aggregate.start < aggregate.end <= bounds.MAX_TIME:
        _refuse(
            "start", f"start must lie before end, both from 1970 to the year 9999, got {aggregate.start:g} and {aggregate.end:g}"
        )
    maps: tuple[dict[str, object], ...] = tuple(getattr(aggregate, name) for name in MAPS)
    _check("metrics", sum(len(metrics) for metrics in maps), bounds.MAX_WINDOW_METRICS, "metrics")
    for name, metrics in zip(MAPS, maps, strict=True):
        _check(name, max((len(key) for key in metrics), default=0), bounds.MAX_KEY_CHARS, "characters in a key")
    return aggregate


def _check(field: str, found: int, most: int, what: str) -> None:
    if found > most:
        _refuse(field, f"{field} must have at most {most} {what}, got {found}")


def _refuse(field: str, reason: str) -> Never:
    raise InvalidError(field, reason)
