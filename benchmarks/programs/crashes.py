"""A process that publishes samples of guests that have crashed, one after the other, each with when it set out to."""

import asyncio
import random
import sys
import time
from pathlib import Path

import orjson

from virtpulse.clock import SystemClock
from virtpulse.topics import SAMPLES
from virtpulse.transports.interface import Outgoing
from virtpulse.transports.open import open_transport


async def main(log: Path, count: int, pause: float) -> None:
    """Publish a sample of each of `count` guests, about `pause` seconds apart."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    for number in range(count):
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        document = {
            "source": f"kvm-07/web-{number}",
            "time": time.time(),
            "facts": {"vm.state": "crashed", "sent": time.monotonic()},
        }
        await transport.publish([Outgoing(SAMPLES, "kvm-07", orjson.dumps(document))])
    await transport.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
