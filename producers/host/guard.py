"""What to do where a figure cannot be had: leave it out, log that once, go on."""

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
    """Warnings that are logged once each."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def left_out(self, what: str, reason: BaseException | str) -> None:
        """Log that `what` is not measured, and why, unless that was logged before."""
        if what not in self._logged:
            self._logged.add(what)
            text = reason if isinstance(reason, str) else f"{type(reason).__name__}: {reason}"
            _log.warning("left out of the samples while it can't be measured", what=what, reason=text)

    def skipped(self, ticks: int) -> None:
        """Log that ticks of the schedule were skipped, unless that was logged before."""
        if "ticks" not in self._logged:
            self._logged.add("ticks")
            _log.warning("a look at the machine came too late, and its tick was skipped; a longer interval may help", ticks=ticks)
