"""What a way to show aggregates must do."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Rendering(Protocol):
    """One way to show aggregates: the live table, lines of text, or JSON."""

    async def start(self) -> None:
        """Take the output over."""
        ...

    async def show(self, documents: Sequence[bytes]) -> Mapping[int, str]:
        """Show the documents, each a line of JSON; return why by index for those that can't be shown.

        Raises FatalError once the output is gone.
        """
        ...

    async def close(self) -> None:
        """Leave the output as it was found."""
        ...
