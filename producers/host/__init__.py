"""This machine: its CPU, memory, filesystems, disks, network, pressure and limits, from psutil and /proc."""

from producers.host.producer import HostProducer
from producers.host.settings import HostSettings

__all__ = ["HostProducer", "HostSettings"]
