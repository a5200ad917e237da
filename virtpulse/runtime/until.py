"""How long a role runs."""

from enum import Enum


class Until(Enum):
    """STOPPED: until it is stopped. DRAINED: until all that the inputs held at the start is handled."""

    STOPPED = "stopped"
    DRAINED = "drained"
