"""A terminal's alternate screen: what stood there before comes back when it is left."""

import io
import os
from typing import Final

from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment, Segments

from sinks.console.output import write_all

_ENTER: Final = b"\x1b[?1049h\x1b[?25l\x1b[2J"  # the alternate screen, no cursor
_LEAVE: Final = b"\x1b[0m\x1b[?25h\x1b[?1049l"
_FALLBACK: Final = os.terminal_size((80, 24))


class Screen:
    """Draws whole frames, each in one write, in the size that the terminal has at that moment."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._console = Console(
            file=io.StringIO(), force_terminal=True, markup=False, emoji=False, highlight=False, legacy_windows=False
        )
        self._shown = b""

    def enter(self) -> None:
        """Take the terminal over. Raises FatalError once it is gone."""
        write_all(self._fd, _ENTER)

    def leave(self) -> None:
        """Give the terminal back as it was. Raises FatalError once it is gone."""
        write_all(self._fd, _LEAVE)

    def paint(self, renderable: RenderableType) -> None:
        """Draw; nothing is written if the frame looks as the one before. Raises FatalError once the terminal is gone."""
        frame = self._frame(renderable, self.size())
        if frame != self._shown:
            self._shown = frame
            write_all(self._fd, frame)

    def size(self) -> os.terminal_size:
        """Return how many columns and lines there are now."""
        try:
            found = os.get_terminal_size(self._fd)
        except OSError:
            return _FALLBACK
        return found if found.columns and found.lines else _FALLBACK

    def _frame(self, renderable: RenderableType, size: os.terminal_size) -> bytes:
        """Address every line by itself, padded to the full width: then nothing has to be cleared, and nothing flickers."""
        console = self._console
        options = console.options.update(width=size.columns, height=size.lines)
        drawn: list[Segment] = []
        for number, segments in enumerate(console.render_lines(renderable, options, pad=True)[: size.lines]):
            drawn.append(Control.move_to(0, number).segment)
            drawn.extend(segments)
        with console.capture() as captured:
            console.print(Segments(drawn), end="", soft_wrap=True)
        return captured.get().encode("utf-8", "backslashreplace")
