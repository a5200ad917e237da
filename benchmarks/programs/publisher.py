"""A process that publishes one sample after the other to a log, each a second later in event time, and when it set out to."""

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
    """Publish `count` samples, about `pause` seconds apart."""
    transport = open_transport(f"local:{log}", SystemClock())
    await transport.start()
    begin = int(time.time()) - count
    for number in range(count):
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        document = {
            "source": "kvm-07/web-3",
            "time": begin + number,
            "resources": {"vm.cpu.utilization": [number % 4, 4.0]},
            "facts": {"sent": time.monotonic()},
        }
        await transport.publish([Outgoing(SAMPLES, "kvm-07", orjson.dumps(document))])
    await transport.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
