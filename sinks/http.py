"""Posting JSON to receivers over HTTP, and what their answers decide."""

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from virtpulse import __version__
from virtpulse.clock import Clock
from virtpulse.config.secrets import Secret
from virtpulse.errors import RefusedError, RetryableError, UsageError, VirtpulseError
from virtpulse.harmless import harmless
from virtpulse.redaction import hide, redact

LONGEST_WAIT: Final = 3600.0  # seconds; a receiver that asks to be left alone for longer is asked again after these

_MOST_ANSWER_BYTES: Final = 2048
_MOST_SAID: Final = 200  # characters of an answer that an error shows
_SHORTEST_TOKEN: Final = 16  # characters; a part of a path that is shorter is a word, not a secret
_SECONDS: Final = re.compile(r"\s*([0-9]+)\s*")
_HEADER: Final = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver's address. authorization: the value of the header of that name. ca: the certificates to believe in."""

    name: str
    url: Secret
    authorization: Secret | None = None
    ca: Path | None = None


class _Request(NamedTuple):
    url: URL
    headers: dict[str, str]


class _Answer(NamedTuple):
    status: int
    after: float
    said: str


class Poster:
    """Posts JSON to the receivers of one sink.

    No redirect is followed, no proxy is taken from the environment, and no more of an answer is read than an error shows.
    """

    def __init__(self, sink: str, to: Iterable[Destination], timeout: float, clock: Clock) -> None:
        self._sink = sink
        self._to = {destination.name: destination for destination in to}
        self._timeout = timeout
        self._clock = clock
        for destination in self._to.values():
            self._request(destination, "")
        self._trust = {name: _trust(sink, destination) for name, destination in self._to.items()}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Prepare; nothing is connected yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),  # minutes lie between two posts, and most servers hang up earlier
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={"User-Agent": f"virtpulse/{__version__}", "Content-Type": "application/json", "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, name: str, body: bytes, path: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Return once the receiver `name` has taken the body, at `path` behind its URL.

        Raises RetryableError with what to do, or RefusedError for a body that it will never take, as that of one message.
        """
        if self._session is None:
            await self.start()
        destination = self._to[name]
        try:
            request = self._request(destination, path)
        except UsageError as error:  # of a file or a variable that was there when it began
            raise RetryableError(str(error)) from error
        answer = await self._exchange(destination, request, body, headers or {})
        failure = self._failure(destination, _shown(request.url), answer)
        if failure is not None:
            raise failure

    def _request(self, destination: Destination, path: str) -> _Request:
        """Return where to post and as whom, from the secrets as they are now. Raises UsageError."""
        where = f'sinks.{self._sink}.to.url of "{destination.name}"'
        text = destination.url.reveal()
        try:
            url = URL(text)
        except ValueError as error:
            msg = f"{where} is not a URL such as https://HOST/PATH"
            raise UsageError(msg) from error
        if url.scheme not in {"http", "https"} or not url.host:
            msg = f"{where} must begin with http:// or https:// and a host"
            raise UsageError(msg)
        _hide_parts(url)
        return _Request(url.joinpath(*path.split("/")) if path else url, self._credentials(destination, url))

    def _credentials(self, destination: Destination, url: URL) -> dict[str, str]:
        if destination.authorization is None:
            return {}
        value = destination.authorization.reveal()
        where = f'sinks.{self._sink}.to.authorization of "{destination.name}"'
        if not _HEADER.fullmatch(value):
            msg = f'{where} must be the value of a header, as "Bearer TOKEN", in printable ASCII'
            raise UsageError(msg)
        if url.user is not None:
            msg = f"{where} and the user in its url exclude each other; remove one of them"
            raise UsageError(msg)
        hide(value.partition(" ")[2])
        return {"Authorization": value}

    async def _exchange(self, destination: Destination, request: _Request, body: bytes, headers: Mapping[str, str]) -> _Answer:
        told = f"{self._sink} {destination.name}: {_shown(request.url)}"
        if self._session is None:
            msg = f"{told} was to be told after the sink was closed"
            raise RetryableError(msg)
        try:
            async with self._session.post(
                request.url,
                data=body,
                headers={**headers, **request.headers},
                allow_redirects=False,
                ssl=self._trust[destination.name],
            ) as response:
                said = await response.content.read(_MOST_ANSWER_BYTES)
                wait = wait_asked(response.headers.get("Retry-After"), self._clock.time())
                return _Answer(response.status, wait, said.decode("utf-8", "replace"))
        except TimeoutError as error:
            msg = f"{told} did not answer within {self._timeout:g} s; see how it fares, or raise sinks.{self._sink}.timeout"
            raise RetryableError(msg) from error
        except (aiohttp.ClientError, OSError) as error:
            msg = f"{told} {_why(error)}"
            raise RetryableError(msg) from error

    def _failure(self, destination: Destination, where: str, answer: _Answer) -> VirtpulseError | None:
        status = answer.status
        if 200 <= status < 300:
            return None
        told = f"{self._sink} {destination.name}: {where}"
        said = f": {harmless(redact(answer.said), _MOST_SAID)}" if answer.said.strip() else ""
        if status in {429, 503}:
            pause = f" for {answer.after:g} s" if answer.after else ""
            return RetryableError(f"{told} asks to be left alone{pause} (HTTP {status}){said}", after=answer.after)
        advice = _ADVICE.get(status) or ("redirects, which is not followed; correct its url" if 300 <= status < 400 else "")
        if advice:
            return RetryableError(f"{told} {advice} (HTTP {status}){said}")
        if 400 <= status < 500:
            return RefusedError({0: f"{told} refuses this notification (HTTP {status}){said}"})
        return RetryableError(f"{told} has a failure of its own (HTTP {status}){said}", after=answer.after)


_ADVICE: Final = {
    401: "refused the login; correct its authorization",
    403: "does not allow it; correct its authorization",
    404: "has nothing at this path; correct its url",
    405: "takes no POST at this path; correct its url",
    407: "is behind a proxy that wants a login; give a url that needs none",
    408: "waited for the notification in vain; see how the network fares",
    425: "is not ready yet",
}


def wait_asked(header: str | None, now: float) -> float:
    """Return the seconds that a header Retry-After asks for, from 0 to `LONGEST_WAIT`; 0 for one that cannot be read."""
    if header is None:
        return 0.0
    number = _SECONDS.fullmatch(header)
    if number:
        return min(float(number[1]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(header)
        then = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(then - now, 0.0), LONGEST_WAIT)


def _trust(sink: str, destination: Destination) -> ssl.SSLContext | bool:
    if destination.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=destination.ca.expanduser())
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = "it holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
        msg = f'sinks.{sink}.to.ca of "{destination.name}": {destination.ca} cannot be used: {reason}'
        raise UsageError(msg) from error


def _hide_parts(url: URL) -> None:
    """Let no log show what of a URL may be a secret by itself: the password, tokens in the path, and parameters."""
    parts = [url.password or "", *url.query.values(), *(part for part in url.parts if len(part) >= _SHORTEST_TOKEN)]
    for part in parts:
        hide(part)


def _shown(url: URL) -> str:
    return str(url.origin())


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "cannot prove that it is itself; give the file of its authority's certificate as ca"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "does not speak TLS as it should; check https:// and the port in its url"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be reached: its host name is not known; correct its url, or see how the name server fares"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot be reached ({error.strerror or 'no connection'}); see that it runs, and that its url is right"
    return f"broke the connection off ({type(error).__name__}); see its logs"
