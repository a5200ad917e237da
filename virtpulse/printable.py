"""Text and JSON from outside on their way to a terminal."""

from typing import Final

_BETWEEN_TOKENS: Final = str.maketrans("\r\n\t", "   ")  # in a string of JSON they cannot stand


def printable(text: str) -> str:
    """Return `text` with everything that a terminal could take for a command, or that turns its order, written out.

    What is written as an escape: control characters, line ends among them, marks of direction, and what has no width.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_json(document: bytes) -> bytes:
    """Return the same JSON, on one line, with what `printable` writes out as JSON's own escapes."""
    text = document.decode("utf-8", "replace").translate(_BETWEEN_TOKENS)
    return "".join(char if char.isprintable() else _json_escape(char) for char in text).encode()


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
