"""Copy samples to aggregates as the group `copiers`, each batch in one transfer. `careful` waits for a line before each."""

import asyncio
import sys

from virtpulse.clock import SystemClock
from virtpulse.errors import PartitionLostError
from virtpulse.topics import AGGREGATES, SAMPLES
from virtpulse.transports.interface import Batch, Outgoing, Position, Progress, Revoked, Subscription
from virtpulse.transports.open import open_transport


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def copy(subscription: Subscription, batch: Batch) -> None:
    """Copy one batch."""
    following = batch.positions[-1] + 1
    outputs = [Outgoing(AGGREGATES, message.key, message.value, message.partition) for message in batch]
    try:
        await subscription.transfer(outputs, Progress(batch.partition, {SAMPLES: Position(following, following)}))
    except PartitionLostError:
        say("lost")
    else:
        say(f"stored {following}")


async def main(address: str, manner: str) -> None:
    """Copy until killed."""
    transport = open_transport(address, SystemClock())
    await transport.start()
    subscription = await transport.subscribe("copiers", [SAMPLES])
    while True:
        event = await subscription.read(3, 10.0)
        if isinstance(event, Batch):
            say("read")
            if manner == "careful":
                await asyncio.to_thread(sys.stdin.readline)
            await copy(subscription, event)
        elif isinstance(event, Revoked):
            say("revoked")


asyncio.run(main(*sys.argv[1:]))
