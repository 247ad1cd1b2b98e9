"""An HTTPS server of few lines: what it answers, and how it breaks, is the test's to say."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from signaling.authority import LocalAuthority

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Heard:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # What Content-Length claims; more than there is never ends.
    claimed_length: int | None = None

    def encoded(self) -> bytes:
        length = len(self.body) if self.claimed_length is None else self.claimed_length
        lines = [f"HTTP/1.1 {self.status} as scripted", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


DROP = "close the connection without an answer"
STALL = "never answer"
Script = Reply | str


@dataclass(frozen=True)
class Certificates:
    """A house's authority, and a server's certificate that it signed."""

    ca_file: Path
    context: ssl.SSLContext

    @classmethod
    def make(cls, folder: Path, *hosts: str) -> "Certificates":
        authority = LocalAuthority(folder, now=datetime.now(UTC))
        authority.refresh([*hosts, LOOPBACK], now=datetime.now(UTC))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(authority.files.cert, authority.files.key)
        return cls(folder / "ca.pem", context)


class FakeHttps:
    """Listens on loopback and hands each request to `answer`."""

    def __init__(
        self, certificates: Certificates, answer: Callable[[Heard], Awaitable[Script]]
    ) -> None:
        self._certificates = certificates
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard: list[Heard] = []
        self.connections = 0
        self.stalled = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, LOOPBACK, 0, ssl=self._certificates.context
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self._certificates.ca_file

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Heard(method, path, headers, body)
        if method == "HEAD":
            writer.write(Reply(404).encoded())
            return True
        self.heard.append(request)
        reply = await self._answer(request)
        if reply == STALL:
            self.stalled.set()
            await reader.read(1)
        if not isinstance(reply, Reply):
            return False
        writer.write(reply.encoded())
        return True
