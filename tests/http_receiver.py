"""An HTTP server on the loopback address that answers as a test asks, and remembers what it was told."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aiohttp import web

_ENDS_WITHIN: Final = 1.0

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Told(NamedTuple):
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """What came, and the answers to come; once those are used up, each is 200."""

    scheme: str
    port: int = field(default_factory=free_port)
    told: list[Told] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Return the address of a hook there."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def will_answer(self, status: int, text: str = "", **headers: str) -> None:
        """Let the next answer that is not spoken for be this one."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text=text, headers=headers)

        self.answers.append(answer)

    async def hears(self, count: int, within: float = 10.0) -> list[Told]:
        """Return all that was told once that is `count` requests."""
        async with asyncio.timeout(within), self.came:
            await self.came.wait_for(lambda: len(self.told) >= count)
        return list(self.told)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember a request, and answer it."""
        told = Told(request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read())
        async with self.came:
            self.told.append(told)
            self.came.notify_all()
        return await self.answers.pop(0)(request) if self.answers else web.Response()


@asynccontextmanager
async def http_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpReceiver]:
    """Run such a server, with `tls` one of https."""
    receiver = HttpReceiver("https" if tls else "http")
    application = web.Application(client_max_size=64 << 20)
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, shutdown_timeout=_ENDS_WITHIN)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", receiver.port, ssl_context=tls).start()
        yield receiver
    finally:
        await runner.cleanup()
