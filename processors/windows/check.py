"""The rules of samples, on all rows of a batch at once; what they flag is judged one by one."""

from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from processors.windows.columns import heads
from processors.windows.rows import Floats, Refusal, Rows
from processors.windows.shapes import Ints
from processors.windows.views import Views
from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.reading import is_deeper, read_sample

_COLON: Final = ord(":")
_TOGETHER: Final = 256  # documents whose colons are counted at once: so many fit into a cache


class Checker:
    """Says which rows break a rule; the rules are those of `read_sample`."""

    def __init__(self, views: Views, ahead: float) -> None:
        self._views = views
        self._ahead = ahead

    def check(self, rows: Rows, times: Floats, refusals: list[Refusal]) -> tuple[Rows, list[Refusal]]:
        """Split off the rows that break a rule; the rules are those of `read_sample`, checked on all rows at once."""
        if not len(rows):
            return rows, refusals
        limit = times[rows.message] + self._ahead
        suspect = (rows.time > limit) | self._out_of_bounds(rows) | self._miscounted(rows) | _too_large(rows)
        if rows.ended:
            suspect[list(rows.ended)] = True
        bad: list[int] = []
        for row in np.flatnonzero(suspect).tolist():
            error = self._wrong(rows, row, float(limit[row]))
            if error is not None:
                bad.append(row)
                refusals.append(_refusal(rows, row, error))
        if bad:
            rows = rows.without(bad)
        strangers = self._strangers(rows)
        refusals += [_refusal(rows, row, error) for row, error in strangers.items()]
        return (rows.without(list(strangers)) if strangers else rows), refusals

    def _out_of_bounds(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows with a number that is not allowed; written so that NaN, which stands for "not there", passes as a span."""
        flagged = ~((rows.time >= 0) & (rows.time <= bounds.MAX_TIME))
        for span in (rows.interval, rows.due):
            flagged |= (span <= 0) | (span > bounds.MAX_INTERVAL)
        for amounts in (rows.part, rows.whole):
            if len(amounts) and not (amounts.min() >= 0 and amounts.max() <= bounds.MAX_AMOUNT):
                wrong = np.flatnonzero(~((amounts >= 0) & (amounts <= bounds.MAX_AMOUNT)))
                flagged[np.searchsorted(rows.first, wrong, side="right") - 1] = True
        return flagged

    def _miscounted(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Flag rows in whose JSON a name may stand twice: it has other than the colons that its names and texts need.

        Fields that we don't know and escapes throw the count off too; then the document says more, written anew.
        """
        expected = 2 + self._views.colons[rows.view] + rows.colons.astype(np.int64)
        expected += ~np.isnan(rows.interval)
        expected += ~np.isnan(rows.due)
        for row in rows.ended:
            expected[row] += 1
        flagged = np.zeros(len(rows), np.bool_)
        for start in range(0, len(rows), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            documents, needed = rows.documents[some], expected[some]
            everything = b"\n".join(documents)
            found = np.count_nonzero(np.frombuffer(everything, np.uint8) == _COLON)
            if found != needed.sum() or b"\\" in everything:
                flagged[some] = [
                    (raw.count(b":") != colons or b"\\" in raw) and not _loses_nothing(raw)
                    for raw, colons in zip(documents, needed.tolist(), strict=True)
                ]
        return flagged

    def _strangers(self, rows: Rows) -> dict[int, InvalidError]:
        """Return what is wrong with rows whose host is not that of the first row of their message."""
        first = _first_of_message(rows)
        found: dict[int, InvalidError] = {}
        for row in np.flatnonzero(rows.view[first] != rows.view).tolist():
            host, view = self._views[int(rows.view[first[row]])].host, self._views[int(rows.view[row])]
            if view.host != host:
                allowed = f'"{host}" as its first segment, as the others of its message have'
                found[row] = InvalidError("source", f'source must have {allowed}, got "{view.source}"')
        return found

    def _wrong(self, rows: Rows, row: int, limit: float) -> InvalidError | None:
        """Judge a suspect row by the rules themselves."""
        try:
            sample = read_sample(rows.documents[row])
        except InvalidError as error:
            return error.bare()
        if sample.time > limit:
            ahead = sample.time - limit + self._ahead
            reason = (
                f"time must be at most {self._ahead:g} s ahead of the log's clock, got {ahead:.0f} s ahead: the clock of "
                f"{sample.source} is wrong, or that of the log if this happens to all sources"
            )
            return InvalidError("time", reason)
        return None


def _refusal(rows: Rows, row: int, error: InvalidError) -> Refusal:
    return Refusal(int(rows.message[row]), int(rows.index[row]), rows.documents[row], error)


def _too_large(rows: Rows) -> npt.NDArray[np.bool_]:
    sizes = np.fromiter(map(len, rows.documents), np.int64, len(rows))
    too_large: npt.NDArray[np.bool_] = sizes > bounds.MAX_MESSAGE_BYTES
    return too_large


def _loses_nothing(raw: bytes) -> bool:
    """Whether parsing keeps every name: of names that stand twice in an object, one goes with its colon.

    False where that can't be told, because an escape may hide a colon, and for what is nested too deeply.
    """
    if b"\\u003" in raw or is_deeper(raw, bounds.MAX_DEPTH):
        return False
    try:
        return orjson.dumps(orjson.loads(raw)).count(b":") == raw.count(b":")
    except orjson.JSONDecodeError:
        return False


def _first_of_message(rows: Rows) -> Ints:
    starts = heads(rows.message)
    first: Ints = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    return first
