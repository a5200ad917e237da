"""The rules of samples, on all rows of a batch at once; what they flag is judged one by one."""

from typing import Final

import numpy as np
import numpy.typing as npt

from processors.windows.columns import heads
from processors.windows.rows import Floats, Refusal, Rows
from processors.windows.shapes import Ints
from processors.windows.views import Views
from virtpulse.errors import InvalidError
from virtpulse.messages import bounds
from virtpulse.messages.reading import read_sample
from virtpulse.messages.sample import host_of

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
        suspect = (rows.time > limit) | self._out_of_bounds(rows) | self._miscounted(rows) | _strangers(rows, self._views)
        if rows.ended:
            suspect[list(rows.ended)] = True
        bad: list[int] = []
        for row in np.flatnonzero(suspect).tolist():
            error = self._wrong(rows, row, float(limit[row]))
            if error is not None:
                bad.append(row)
                index = int(rows.index[row])
                refusals.append(Refusal(int(rows.message[row]), None if index < 0 else index, rows.documents[row], error))
        if bad:
            refusals.sort(key=lambda refusal: (refusal.message, refusal.index or 0))
            rows = rows.without(bad)
        return rows, refusals

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
        """Flag rows whose JSON has other than the colons that its names and texts need.

        A name that stands twice is seen by its colon; so is a field that we don't know, which is no fault. Text that is
        not ASCII or has escapes is flagged too, since its bytes prove nothing.
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
            if found != needed.sum() or b"\\" in everything or not everything.isascii():
                flagged[some] = [
                    raw.count(b":") != colons or b"\\" in raw or not raw.isascii()
                    for raw, colons in zip(documents, needed.tolist(), strict=True)
                ]
        return flagged

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
        host = self._views[int(rows.view[_first_of_message(rows)[row]])].host
        if host_of(sample.source) != host:
            allowed = f'"{host}" as its first segment, as the others of its message have'
            return InvalidError("source", f'source must have {allowed}, got "{sample.source}"')
        return None


def _strangers(rows: Rows, views: Views) -> npt.NDArray[np.bool_]:
    """Flag rows of a message whose host is not that of the message's first row."""
    flagged = np.zeros(len(rows), np.bool_)
    first = _first_of_message(rows)
    for row in np.flatnonzero(rows.view[first] != rows.view).tolist():
        flagged[row] = views[int(rows.view[first[row]])].host != views[int(rows.view[row])].host
    return flagged


def _first_of_message(rows: Rows) -> Ints:
    starts = heads(rows.message)
    first: Ints = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    return first
