"""Text from outside on its way to people, through services that read commands and markup in it."""

import re
from typing import Final

_REPLACED: Final = str.maketrans(
    {
        "@": "(at)",
        "\uff20": "(at)",  # these two are other shapes of the same sign, which some services take for it
        "\ufe6b": "(at)",
        "<": "\u2039",
        ">": "\u203a",
        "&": "+",
        "*": "\u2217",
        "`": "'",
        "~": "\u223c",
        "|": "\u00a6",
    }
)
_LINK: Final = re.compile(r"\](?=\()")
_UNDERLINE: Final = re.compile(r"(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])")
_PLAIN: Final = re.compile(r"[A-Za-z0-9.,;:=%+()/'!?#$-]*(?: [A-Za-z0-9.,;%=+()/'!?#$-]+)*")


def harmless(text: str, limit: int = 200) -> str:
    """Return `text` as one line of at most `limit` characters that mentions nobody, and that nothing takes for markup.

    What has no place in a line, as line ends, control characters and marks of direction, becomes a space; `@` becomes
    `(at)`, `<` and `>` are replaced by signs that look like them, so are the signs of Markdown; `://` becomes `[:]//`.
    A bare name such as example.org stays, although some services make a link of it: hosts are called so.
    """
    start = text[: 4 * limit]  # what is behind it goes in any case; a megabyte must not be searched for that
    line = start if _PLAIN.fullmatch(start) and "://" not in start else _without_markup(start)
    if len(line) <= limit and len(start) == len(text):
        return line
    return f"{line[: max(0, limit - 1)].rstrip()}…"[:limit]


def _without_markup(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    plain = _UNDERLINE.sub(lambda found: "\u02cd" * len(found[0]), line.translate(_REPLACED))
    return _LINK.sub("] ", plain).replace("://", "[:]//")
