"""What to do where the machine does not tell: leave it out, say so once, go on."""

from typing import Final

import psutil

from virtpulse.logs import get_logger

UNREADABLE: Final = (
    OSError,
    ValueError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
    psutil.Error,
)  # psutil raises any of these for a file that is missing, forbidden or of another form than it knows

_log = get_logger(__name__)


class Notices:
    """Warnings that are said once each."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def left_out(self, what: str, reason: BaseException | str) -> None:
        """Say that `what` is not measured, and why, unless that was said before."""
        if what not in self._said:
            self._said.add(what)
            text = reason if isinstance(reason, str) else f"{type(reason).__name__}: {reason}"
            _log.warning("left out of the samples while it can't be measured", what=what, reason=text)

    def skipped(self, ticks: int) -> None:
        """Say that ticks of the schedule were left out, unless that was said before."""
        if "ticks" not in self._said:
            self._said.add("ticks")
            _log.warning("a look at the machine came too late, and its tick was skipped; a longer interval may help", ticks=ticks)
