"""Secrets: values that are resolved when they are used and shown nowhere."""

import os
import re
from pathlib import Path
from typing import Final

from virtpulse.errors import UsageError
from virtpulse.redaction import MASK, hide

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE: Final = "file:"


class Secret:
    """A text such as a password: `"${NAME}"` of the environment, `"file:PATH"`, or the text itself.

    It is read anew at each `reveal`, so that a changed file is seen; nothing else gives it away.
    """

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = reference

    def reveal(self) -> str:
        """Return the secret itself; from then on `redact` hides it. Raises UsageError where it cannot be had."""
        value = self._resolve()
        hide(value)
        return value

    @property
    def origin(self) -> str:
        """Where the secret comes from, without saying what it is."""
        if _VARIABLE.fullmatch(self._reference) or self._reference.startswith(_FILE):
            return self._reference
        return MASK

    def _resolve(self) -> str:
        variable = _VARIABLE.fullmatch(self._reference)
        if variable:
            value = os.environ.get(variable[1])
            if value is None:
                msg = f"the environment has no variable {variable[1]}, which the configuration takes a secret from; set it"
                raise UsageError(msg)
            return value
        if self._reference.startswith(_FILE):
            return _read(Path(self._reference.removeprefix(_FILE)).expanduser())
        return self._reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._reference == self._reference

    def __hash__(self) -> int:
        return hash(self._reference)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        msg = f"a secret cannot be read from {path}: {reason}"
        raise UsageError(msg) from error
