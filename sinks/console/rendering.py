"""What a way to show aggregates and alerts must do."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from virtpulse.transports.interface import Batch


class Rendering(Protocol):
    """One way to show things: the live table, lines of text, or JSON."""

    async def start(self) -> None:
        """Take the output over."""
        ...

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Show aggregates, each a line of JSON; return why by index for those that can't be shown.

        Raises FatalError once the output is gone.
        """
        ...

    async def tell(self, batch: Batch) -> Mapping[int, str]:
        """Show what messages of the topics alerts and alert-states say; return why by index for those that can't be shown.

        Raises FatalError once the output is gone.
        """
        ...

    async def close(self) -> None:
        """Leave the output as it was found."""
        ...
