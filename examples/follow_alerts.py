"""A bot of thirty lines that uses nothing of virtpulse but what its command prints: each alert, told once.

    virtpulse watch alerts --json | python examples/follow_alerts.py
    virtpulse watch alerts --json | python examples/follow_alerts.py https://chat.example.org/hooks/abc

It follows what fires, whether or not people are told of it: silences and inhibition are for notifying sinks.

Without an address it prints; with one it posts {"text": ...}, which Slack, Mattermost and Rocket.Chat take as it is.
"""

import http.client
import json
import sys
import urllib.request
from collections.abc import Iterable


def follow(lines: Iterable[str], address: str) -> None:
    """Tell of each alert; one that stands there twice, as after a restart of whoever wrote it, is told once."""
    told: dict[tuple[str, str, str], None] = {}
    for line in lines:
        alert = json.loads(line)
        change = alert["fingerprint"], alert["startsAt"], alert["status"]
        if change in told:
            continue
        told[change] = None
        if len(told) > 10_000:
            del told[next(iter(told))]
        tell(alert["text"], address)


def tell(text: str, address: str) -> None:
    """Print the text, or post it; what cannot be posted is said and not tried again."""
    if not address:
        print(text, flush=True)
        return
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except (OSError, http.client.HTTPException) as error:
        print(f"not told, {error}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    follow(sys.stdin, "".join(sys.argv[1:2]))
