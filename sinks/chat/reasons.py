"""Why a service did not take a message, from what apprise logged, as it gives no other reason.

Its records may hold the URL with its password, so they are only searched: but for one that fits nothing, and that is redacted.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from virtpulse.harmless import harmless
from virtpulse.redaction import redact

_MOST_SAID: Final = 160
_THROTTLED: Final = re.compile(r"throttle back (\d{1,9})(?:\.\d+)?ms")
_LONGEST_WAIT: Final = 3600.0


class Record(NamedTuple):
    """One record of apprise's log, at least a warning or else a detail."""

    text: str
    warning: bool


class Reason(NamedTuple):
    """Why, and for how many seconds the service asked to be left alone."""

    words: str
    after: float = 0.0


_REASONS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for words, pattern in {
        "asks to be left alone for a while": r"throttle back|error=429|M_LIMIT_EXCEEDED|too many requests|rate.?limit",
        "does not let us into the room; check its name, and invite the user": (
            r"could not join|not_in_channel|channel_not_found|chat not found"
        ),
        "refused the login; check user and password": (
            r"error=40[13]\b|M_FORBIDDEN|M_UNKNOWN_TOKEN|\(53[045],|invalid_auth|auth\w* (?:failed|error)|unauthorized"
        ),
        "does not know the room or address; check its url": r"error=404\b|M_NOT_FOUND|not found",
        "refused the message; check the options in its url": r"error=4(?:00|13|22)\b",
        "cannot prove that it is itself; check its certificate, and the host in its url": (
            r"certificate.verify.failed|SSLError|SSL:"
        ),
        "has a host name that is not known; check its url": (
            r"name or service not known|name resolution|failed to resolve|no address associated"
        ),
        "is not running there (connection refused); start it, or check its url": r"connection refused",
        "did not answer in time; see how it fares": r"timed out|read timeout|connecttimeout",
        "has a failure of its own; see how it fares": r"error=5\d\d\b",
        "cannot be reached; see that it runs, and check its url": (
            r"connection error|socket exception|unreachable|connection (?:aborted|reset)"
        ),
    }.items()
)  # the first that fits counts


def reason(records: Sequence[Record]) -> Reason:
    """Return why it failed: the first of the known causes that a record shows, else the last warning."""
    searched = "\n".join(record.text for record in records)
    words = next((words for pattern, words in _REASONS if pattern.search(searched)), "")
    if words:
        pauses = [int(found[1]) / 1000 for found in _THROTTLED.finditer(searched)]
        return Reason(words, min(pauses[-1], _LONGEST_WAIT) if pauses else 0.0)
    last = next((record.text for record in reversed(records) if record.warning), "")
    return Reason(f"did not take the message{f': {harmless(redact(last), _MOST_SAID)}' if last else ''}")
