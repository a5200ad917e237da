"""Globs: `*` stands for any text and `?` for any one character; all else, brackets too, stands for itself."""

import re
from fnmatch import translate
from functools import lru_cache


def is_like(text: str, glob: str) -> bool:
    """Return whether the whole text is as the glob says; upper and lower case differ."""
    return _kept(glob).match(text) is not None


def compiled(glob: str) -> re.Pattern[str]:
    """Return what `match`es the texts that are as the glob says; for whoever has more globs than `is_like` keeps."""
    return re.compile(translate(glob.replace("[", "[[]")))


_kept = lru_cache(maxsize=10_000)(compiled)
