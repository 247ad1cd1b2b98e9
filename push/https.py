"""Short HTTPS requests to push services: bounded in time and size, each on the wire once."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from push.answers import Answer
from push.sender import Outcome, Verdict
from signaling.shared.errors import ConfigError

MAX_ANSWER_BYTES = 16 * 1024
_MAX_LINE_BYTES = 8190
_MAX_CONNECTIONS = 512
# One service that stalls must leave connections for the others.
_MAX_CONNECTIONS_TO_ONE_HOST = 128
# Services close idle connections after a minute at the soonest; a push into a closing one is lost.
_IDLE_SECONDS = 50.0
_CLOSE_SECONDS = 1.0
# An answer that was compressed could be of any size when unpacked.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "WSPhone"}


class AddressRefused(OSError):
    """A name was resolved to an address that may not be reached."""


class Https:
    """A pool of connections; it keeps no cookies, follows no redirects and knows no proxy.

    `ca_file` is trusted beside the system's own authorities; raises ConfigError. What `resolver`
    makes gives the addresses that are connected to.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        self._tls = client_tls(ca_file)
        self._tls.set_alpn_protocols(["http/1.1"])
        self._make_resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._closed = False

    async def post(
        self, url: URL, body: bytes, headers: Mapping[str, str], *, seconds: float
    ) -> Answer | Outcome:
        """Make one request; an Outcome where no answer came."""
        return await self._request("POST", url, body, headers, seconds)

    async def connect(self, url: URL, *, seconds: float) -> Outcome | None:
        """Have a connection ready; an Outcome where that fails."""
        found = await self._request("HEAD", url, None, {}, seconds)
        return found if isinstance(found, Outcome) else None

    async def aclose(self) -> None:
        """Refuse new requests, wait a second for those in flight, drop the rest."""
        self._closed = True
        if self._in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._idle.wait()
        if self._session is not None:
            await self._session.close()

    async def _request(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Answer | Outcome:
        if self._closed:
            return Outcome(Verdict.UNSENT, "shutting down")
        answer: Answer | None = None
        self._in_flight += 1
        try:
            async with (
                asyncio.timeout(seconds),
                self._opened().request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                # The status is the verdict: whatever becomes of the body, a push that was
                # accepted must not be sent again.
                answer = Answer(response.status, response.headers.get("Retry-After"), b"")
                answer = replace(answer, body=await _bounded(response.content))
        except TimeoutError:
            return answer or Outcome(Verdict.RETRY, "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return answer or _failure(error)
        finally:
            self._in_flight -= 1
            if self._closed and not self._in_flight:
                self._idle.set()
        return answer

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made on first use: it belongs to the loop that runs then."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=self._make_resolver() if self._make_resolver else None,
                limit=_MAX_CONNECTIONS,
                limit_per_host=_MAX_CONNECTIONS_TO_ONE_HOST,
                keepalive_timeout=_IDLE_SECONDS,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
                auto_decompress=False,
                max_line_size=_MAX_LINE_BYTES,
                max_field_size=_MAX_LINE_BYTES,
            )
        return self._session


def client_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the system's authorities and those in the file; raises ConfigError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ConfigError(f"{ca_file}: holds no certificates in PEM: {error}") from error
    return context


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """The body's beginning; the connection of one that goes on is closed, not read out."""
    body = b""
    while len(body) < MAX_ANSWER_BYTES:
        chunk = await content.readany()
        if not chunk:
            break
        body += chunk
    return body[:MAX_ANSWER_BYTES]


def _failure(error: Exception) -> Outcome:
    """What came of a request without an answer, and whether it may have been read."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Outcome(Verdict.FAULT, "certificate not trusted")
        case aiohttp.ClientConnectorDNSError(os_error=AddressRefused()):
            return Outcome(Verdict.REFUSED, "address not allowed")
        case aiohttp.ClientConnectorDNSError():
            return Outcome(Verdict.UNSENT, "name not found")
        case aiohttp.ClientConnectorError():
            return Outcome(Verdict.UNSENT, "no connection")
        case aiohttp.InvalidURL() | ValueError():
            # A header or an address that HTTP cannot carry: found out before anything is sent.
            return Outcome(Verdict.REFUSED, "not sendable")
        case _:
            return Outcome(Verdict.RETRY, "connection lost")
