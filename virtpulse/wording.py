"""Numbers and names as people read them."""

import math
from typing import Final

from virtpulse.catalogue import metric, split_key

_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_HERTZ: Final = ("Hz", "kHz", "MHz", "GHz", "THz")
_COUNTS: Final = ("", "k", "M", "G", "T")
_NO_VALUE: Final = "–"  # noqa: RUF001 - the dash that stands for nothing is meant
_TIMES: Final = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "µs"), (0.0, 1e9, "ns"))


def percent(ratio: float | None) -> str:
    """Return a ratio as `41.3 %`, in at most 8 characters."""
    return _NO_VALUE if ratio is None or not math.isfinite(ratio) else f"{number(ratio)} %"


def number(value: float) -> str:
    """Return a percentage's number in at most 6 characters; what is not zero never looks like zero."""
    if not 0 < abs(value) < 1_000:
        return "0" if value == 0 else ">999" if value > 0 else "<-999"
    if abs(value) < 0.001:
        return "<0.001"
    if abs(value) < 0.1:
        return f"{value:.3f}"
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def span(low: float | None, high: float | None, *, timing: bool) -> str:
    """Return `low-high` for a pair of percentages or of seconds; empty where they are not known."""
    if low is None or high is None:
        return ""
    return f"{duration(low)}–{duration(high)}" if timing else f"{number(low)}–{number(high)}"  # noqa: RUF001 - a range


def duration(seconds: float | None) -> str:
    """Return seconds as `820 µs`, `3.2 ms`, `1.4 s`."""
    if seconds is None or not math.isfinite(seconds):
        return _NO_VALUE
    if seconds == 0:
        return "0 s"
    if abs(seconds) < 1e-9:
        return "<1 ns"
    factor, unit = next((factor, unit) for least, factor, unit in _TIMES if abs(seconds) >= least)
    return f"{_short(seconds * factor)} {unit}"


def lasting(seconds: float) -> str:
    """Return how long something lasted as `45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        return f"{round(whole / 60)} min"
    large, size, small, unit = (whole // 3600, "h", whole % 3600 // 60, "min")
    if whole >= 172_800:
        large, size, small, unit = (whole // 86_400, "d", whole % 86_400 // 3600, "h")
    return f"{large} {size} {small} {unit}" if small else f"{large} {size}"


def amount(key: str, per_second: float | None) -> str:
    """Return an amount whose whole is not known, by the second: `1.2 MiB/s` for bytes, `35 k/s` for anything else.

    What is bytes, the catalogue says, or for a metric that it does not know a name that ends in `.io`, as OpenTelemetry's do.
    """
    if per_second is None or not math.isfinite(per_second):
        return _NO_VALUE
    if is_level(key):
        return _scaled(per_second, 1000.0, _HERTZ)
    known = metric(key)
    in_bytes = known.unit == "By" if known else split_key(key)[0].endswith(".io")
    if in_bytes:
        return _scaled(per_second, 1024.0, _BYTES) + "/s"
    return _scaled(per_second, 1000.0, _COUNTS).rstrip() + "/s"


def is_level(key: str) -> bool:
    """Return whether a metric's parts are levels, each look's own, rather than amounts that add up to more in a longer window."""
    known = metric(key)
    return known is not None and known.unit == "Hz"


def _scaled(value: float, base: float, units: tuple[str, ...]) -> str:
    step = 0
    while abs(value) >= base and step < len(units) - 1:
        value /= base
        step += 1
    return f"{_short(value)} {units[step]}"


def _short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value:.0e}"
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
