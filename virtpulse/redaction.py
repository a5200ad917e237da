"""What no log, error or output may show: the credentials of addresses, and secrets once they were revealed."""

import json
import re
from typing import Final

MASK: Final = "***"

_ADDRESS: Final = re.compile(r"""(?<=://)(?:(?!(?<!\\)"[],:}])\S)+""")  # it ends where a JSON string does, as in a log line
_PARAMETER: Final = re.compile(r'([?&][^=&]*=)[^&"]*')
_SHORTEST: Final = 4  # hiding every occurrence of a shorter text would make logs unreadable and hide nothing

_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Let `redact` hide this text from now on, also as JSON writes it."""
    if len(secret) >= _SHORTEST:
        _hidden.update((secret, json.dumps(secret)[1:-1]))


def redact(text: str) -> str:
    """Return `text` without the users and passwords of its URLs and without any secret that was revealed."""
    hidden = _ADDRESS.sub(_without_credentials, text)
    for value in sorted(_hidden, key=len, reverse=True):
        hidden = hidden.replace(value, MASK)
    return hidden


def _without_credentials(address: re.Match[str]) -> str:
    """Mask everything before the last @, as a password may itself hold any of `:/@` and a user be a token, and all parameters."""
    _, at, host = address[0].rpartition("@")
    return _PARAMETER.sub(rf"\1{MASK}", f"{MASK}@{host}" if at else host)
