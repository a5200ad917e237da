"""What the catalogue says of a metric and of a fact."""

from typing import Final, Literal, NamedTuple

Family = Literal["resources", "performance", "faults", "timings"]

# what the device part of a key gives, where several metrics share it
DISK: Final = ("system.device",)
DISK_WAY: Final = ("system.device", "disk.io.direction")
NIC_WAY: Final = ("network.interface.name", "network.io.direction")


class Metric(NamedTuple):
    """A metric: its map in a sample, the UCUM unit that its part and whole share, and what these two are.

    part, whole: amounts of the sample's interval; of a timing the seconds and the operations, `unit` being that of the
    seconds. A whole that may be unknown says so and is then 0: the amount is carried and has no ratio.
    device: the attributes that the device part of a key gives, joined by `.`, by their OpenTelemetry names where it has
    them (`vda.read` is a `system.device` and a `disk.io.direction`); empty for a metric without devices.
    """

    name: str
    family: Family
    unit: str
    part: str
    whole: str
    device: tuple[str, ...] = ()


class Fact(NamedTuple):
    """A fact about a source: its name, and what it says."""

    name: str
    meaning: str
