"""Signatures of webhooks as Standard Webhooks 1.0 has them, so that receivers can check them with its libraries.

Three headers go with a body: `webhook-id`, which stays the same when the same body is sent again, `webhook-timestamp`, the
seconds since the epoch of this attempt, and `webhook-signature`: `v1,` and, in base64, the HMAC-SHA256 of
`ID.TIMESTAMP.BODY`. A receiver refuses a timestamp that is minutes old, so that nobody can play a body back later.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES: Final = range(24, 65)


def signing_key(secret: str) -> bytes:
    """Return the key of a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`. Raises ValueError with what is allowed."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in KEY_BYTES:
        msg = f"must be {PREFIX} and 24 to 64 random bytes in base64, as `echo {PREFIX}$(openssl rand -base64 32)` makes one"
        raise ValueError(msg)
    return key


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
