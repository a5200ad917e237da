"""What a document may hold at most. Everything that comes from a network is checked against these."""

import re
from typing import Final

MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_DOCUMENTS: Final = 10_000
MAX_DEPTH: Final = 100  # of a document's arrays and objects; parsers give up deeper down, each at a depth of its own
MAX_DEPTH_IN_ARRAY: Final = 500  # of one that is refused alone; with a deeper one no parser can be relied on to find the others
MAX_METRICS: Final = 2_000
MAX_WINDOW_METRICS: Final = 4_000  # of an aggregate: the samples of a window may have different ones
MAX_SOURCE_CHARS: Final = 255
MAX_SOURCE_SEGMENTS: Final = 8
MAX_KEY_CHARS: Final = 200
MAX_FACTS: Final = 100
MAX_FACT_CHARS: Final = 1_000
MAX_AMOUNT: Final = 1e300  # a window would need 10^8 such amounts before its sum became infinite
MAX_FACT: Final = 2**53  # what every JSON reader keeps exactly
MAX_TIME: Final = 253_402_300_799.0  # the last second of the year 9999
MAX_INTERVAL: Final = 86_400.0  # three times that a window may wait for a quiet source, and the log holds on to its start
DEAD_LETTER_BYTES: Final = 1_000
MAX_LABELS: Final = 64  # of an alert, and of its annotations
MAX_LABEL_CHARS: Final = 1_000
MAX_TEXT_CHARS: Final = 10_000  # of an annotation, a reason or a line
MAX_MATCHERS: Final = 50
MAX_MATCHER_CHARS: Final = 300
MAX_ID_CHARS: Final = 64

SOURCE: Final = re.compile(r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._:-]+(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._:-]+)*")
VIEW: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
METRIC_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
DEVICE: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z")


def is_source(text: str) -> bool:
    """Return whether `text` is a source: a path of segments, neither too long nor too deep."""
    return len(text) <= MAX_SOURCE_CHARS and text.count("/") < MAX_SOURCE_SEGMENTS and SOURCE.fullmatch(text) is not None
