"""Batches of messages."""

from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Batch


def test_the_first_part_tells_what_was_skipped_and_each_part_what_remains() -> None:
    batch = Batch(SAMPLES, 0, range(5, 8), [0.0] * 3, ["k"] * 3, [b"v"] * 3, remaining=2, skipped=5)
    parts = [batch.slice(0, 1), batch.slice(1, 3), batch.slice(0, 0)]
    assert [(list(part.positions), part.remaining, part.skipped) for part in parts] == [([5], 4, 5), ([6, 7], 2, 0), ([], 5, 5)]
