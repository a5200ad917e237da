"""Running a bot: a sink that also has something to say."""

import asyncio
from dataclasses import replace

from virtpulse.runtime.closing import close
from virtpulse.runtime.context import Context
from virtpulse.runtime.producing import publish
from virtpulse.runtime.roles import Bot, SinkSpec
from virtpulse.runtime.sinking import write_all
from virtpulse.runtime.until import Until
from virtpulse.runtime.waiting import together


async def converse(spec: SinkSpec, bot: Bot, context: Context, until: Until, ready: asyncio.Event | None = None) -> None:
    """Write to `bot` as `feed` does, and publish what it has to say, as `publish` does, until the writing is over."""
    await context.retrying(bot.start)
    over = asyncio.Event()

    async def listen() -> None:
        await write_all(spec, bot, context, until, ready or asyncio.Event())
        over.set()

    try:
        await together(listen(), publish(bot.outgoing, replace(context, stopping=over)))
    finally:
        await close(bot, spec.name)
