"""What can be asked."""

from typing import Final

from sinks.matrix.answer import Answer, aligned

_COMMANDS: Final = (
    ("status", "sources, what fires, silences, how old the newest window is"),
    ("status SOURCE", "its worst metrics, alerts and guests"),
    ("top cpu", "the worst sources; or memory, disk, network, faults"),
    ("alerts [GLOB]", "what fires, of sources or alerts so called"),
    ("why FINGERPRINT", "the last windows behind an alert, with a picture"),
    ("silence MATCHER... FOR [reason]", "as in: silence host=kvm-07 2h new disks"),
    ("unsilence ID", "end a silence"),
    ("silences", "what is silenced"),
)


def overview(prefix: str) -> Answer:
    """Return what can be asked, and how."""
    said = f"write {prefix} and one of these, or my name and a colon in place of {prefix}"
    return Answer([said], aligned(("command", "what it says"), _COMMANDS))
