"""Globs: `*` stands for any text and `?` for any one character; all else, brackets too, stands for itself."""

import re
from fnmatch import translate
from functools import lru_cache


def is_like(text: str, glob: str) -> bool:
    """Return whether the whole text is as the glob says; upper and lower case differ."""
    return _compiled(glob).match(text) is not None


@lru_cache(maxsize=10_000)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob.replace("[", "[[]")))
