"""Text that stands in a column."""

from rich.cells import cell_len, set_cell_size
from rich.text import Text


def fit(text: Text, width: int) -> Text:
    """Pad to `width` cells, or leave the middle out: both ends of a name tell more than its beginning alone."""
    excess = text.cell_len - width
    if excess <= 0:
        text.pad_right(-excess)
        return text
    tail = max(0, (width - 1) // 2)
    plain = text.plain
    head = set_cell_size(plain, max(0, width - 1 - tail)).rstrip()
    end = plain[len(plain) - tail :] if tail else ""
    while cell_len(end) > tail:
        end = end[1:]
    style = text.spans[-1].style if text.spans else text.style
    fitted = Text(f"{head}…", style=text.style).append(end, style=style if "@" in text.plain else text.style)
    fitted.pad_right(max(0, width - fitted.cell_len))
    return fitted
