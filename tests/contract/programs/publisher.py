"""Publish numbered messages for ever; after each publish write the next number to standard output."""

import asyncio
import sys

from virtpulse.clock import SystemClock
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport

_BATCH = 7


async def main(address: str) -> None:
    """Publish until killed."""
    transport = open_transport(address, SystemClock())
    await transport.start()
    number = (await transport.ends(SAMPLES))[0]
    while True:
        await transport.publish([Outgoing(SAMPLES, "host", str(number + index).encode()) for index in range(_BATCH)])
        number += _BATCH
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


asyncio.run(main(sys.argv[1]))
