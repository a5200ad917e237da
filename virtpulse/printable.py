"""Text from outside on its way to a terminal."""


def printable(text: str) -> str:
    """Return `text` with everything that a terminal could take for a command, or that turns its order, written out.

    What is written as an escape: control characters, line ends among them, marks of direction, and what has no width.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
