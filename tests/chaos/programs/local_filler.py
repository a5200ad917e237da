"""Publish until the file may not grow any more: the file size limit of this process is the second argument, in bytes."""

import asyncio
import resource
import sys

from virtpulse.clock import SystemClock
from virtpulse.errors import VirtpulseError
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport


async def main(address: str, limit: int) -> None:
    """Write the number of acknowledged messages, then what went wrong."""
    transport = open_transport(address, SystemClock())
    await transport.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    number = 0
    try:
        while True:
            await transport.publish([Outgoing(SAMPLES, "k", str(number).encode().ljust(5_000))])
            number += 1
    except VirtpulseError as error:
        sys.stdout.write(f"{number}\n{type(error).__name__}\n{error}\n")


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
