"""Requests to one HTTPS address over HTTP/2: connected ahead of time, and anew when it breaks."""

import asyncio
import logging
import math
import random
import socket
import ssl
from collections import OrderedDict
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from aiohappyeyeballs import start_connection

from push.http2 import BUSY, NOT_TRUSTED, Failure, Request, Result, State
from push.https import client_tls
from push.line import Errand, Line
from signaling.shared.errors import ConfigError

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
MAX_WAITING = 2_000
"""Requests that wait for a connection or for room on it; more are told to come back."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_NEXT_ADDRESS_SECONDS = 0.25
GOODBYE_SECONDS = 1.0


def tls_context(*, ca_file: Path | None, cert_file: Path | None) -> ssl.SSLContext:
    """For a client of HTTP/2; the certificate is its own, with its key. Raises ConfigError."""
    context = client_tls(ca_file)
    context.set_alpn_protocols(["h2"])
    if cert_file is not None:
        try:
            # An empty password: a key that needs one must not ask at the terminal.
            context.load_cert_chain(cert_file, password="")
        except OSError as error:
            raise ConfigError(
                f"{cert_file} has to hold a certificate and its key in PEM"
            ) from error
    return context


class Origin:
    """Holds one open connection and those that drain; keeps it, once it was needed."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        """Raises ConfigError for anything but `https://host` or `https://host:port`."""
        parts = _https(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._authority = parts.netloc
        self._tls = tls
        self._line: Line | None = None
        self._lines: set[Line] = set()
        self._waiting: OrderedDict[Errand, None] = OrderedDict()
        self._connector: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        # Attempts in a row that led to no answer.
        self._failures = 0
        self._is_closed = False

    async def warm(self) -> None:
        """Have a connection, or have failed to get one for the first time."""
        self._connect()
        await self._tried.wait()

    async def request(self, request: Request, *, seconds: float) -> Result:
        """Send it once, as soon as there is a connection with room for it."""
        if self._is_closed:
            return Failure("shutting down", unsent=True)
        if len(self._waiting) >= MAX_WAITING:
            return Failure(BUSY, unsent=True)
        errand = Errand(request, asyncio.get_running_loop().create_future())
        self._waiting[errand] = None
        self._connect()
        self._start_waiting()
        try:
            async with asyncio.timeout(seconds):
                return await errand.result
        except TimeoutError:
            if errand.result.cancelled():
                return Failure("no answer in time", unsent=errand.line is None)
            # The answer came in the very turn of the loop in which the time ran out.
            return errand.result.result()
        finally:
            self._waiting.pop(errand, None)
            if errand.line is not None:
                errand.line.cancel(errand)

    async def aclose(self) -> None:
        """Send nothing more; what is in flight has a second to be answered."""
        self._is_closed = True
        self._tried.set()
        if self._connector is not None:
            self._connector.cancel()
            await asyncio.wait([self._connector])
        self._fail_waiting("shutting down")
        if awaited := [result for line in self._lines for result in line.in_flight()]:
            await asyncio.wait(awaited, timeout=GOODBYE_SECONDS)
        lines = list(self._lines)
        for line in lines:
            line.close("shutting down")
        if lines:
            await asyncio.wait([line.closed for line in lines], timeout=GOODBYE_SECONDS)
        for line in lines:
            line.abort()

    def _connect(self) -> None:
        connecting = self._connector is not None and not self._connector.done()
        if self._line is None and not connecting and not self._is_closed:
            self._connector = asyncio.create_task(self._connect_until_open())

    async def _connect_until_open(self) -> None:
        while self._line is None:
            if self._failures:
                await asyncio.sleep(pause_seconds(self._failures))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._line = await self._open_line()
            except OSError as error:
                self._on_failed_attempt(error)
            self._tried.set()
        self._start_waiting()

    async def _open_line(self) -> Line:
        """Connect, and wait for the server's settings: only then are requests safe with it."""
        loop = asyncio.get_running_loop()
        line = Line(self._authority, self._on_change)
        self._lines.add(line)
        try:
            addresses = await loop.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
            connected = await start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS
            )
            await loop.create_connection(
                lambda: line,
                sock=connected,
                ssl=self._tls,
                server_hostname=self._host,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
            await line.decided
            if line.state is not State.OPEN:
                raise ConnectionError("the server closed the connection at once")
        except BaseException:
            line.abort()
            self._lines.discard(line)
            raise
        return line

    def _on_failed_attempt(self, error: OSError) -> None:
        self._failures += 1
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "no connection to %s: %r", self._authority, error)
        distrusted = isinstance(error, ssl.SSLCertVerificationError)
        self._fail_waiting(NOT_TRUSTED if distrusted else "no connection")

    def _on_change(self, line: Line) -> None:
        """A line has room again, or is of no more use, or gone."""
        if line is self._line and line.state is not State.OPEN:
            self._line = None
            self._failures = 0 if line.answered else self._failures + 1
            self._connect()
        if line.state is State.DRAINING and not line.in_flight():
            line.close("drained")
        if line.closed.done():
            self._lines.discard(line)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._line is not None and self._waiting and self._line.room:
            errand, _ = self._waiting.popitem(last=False)
            self._line.start(errand)

    def _fail_waiting(self, reason: str) -> None:
        while self._waiting:
            errand, _ = self._waiting.popitem(last=False)
            if not errand.result.done():
                errand.result.set_result(Failure(reason, unsent=True))


def _https(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname and parts.hostname.encode("idna"))
    except ValueError:
        usable = False
    if not usable or parts.scheme != "https" or parts.path.strip("/") or "@" in parts.netloc:
        raise ConfigError(f"{url} has to be https:// with a host, and a port where it needs one")
    return parts


def pause_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row: short enough for a call that rings."""
    doubled = math.ldexp(_FIRST_PAUSE_SECONDS, min(failures - 1, 10))
    return min(doubled, _LONGEST_PAUSE_SECONDS) * random.uniform(0.8, 1.2)
