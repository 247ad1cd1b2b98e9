"""A provider on a plain local socket: a push is a line, and so is the answer to it."""

import asyncio
from collections.abc import Callable
from typing import Any

from push.sender import Outcome, Verdict


class SocketSender:
    """Sends `ID WORKER` on a connection of its own; ACCEPTED is any line that comes back."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._name = name

    async def warm(self) -> None:
        pass

    async def send(self, push: Any, *, seconds: float) -> Outcome:
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    writer.write(f"{push.id} {self._name}\n".encode())
                    answer = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            return Outcome(Verdict.RETRY, type(error).__name__)
        return Outcome(Verdict.ACCEPTED if answer else Verdict.RETRY, answer.decode().strip())

    async def aclose(self) -> None:
        pass


class SocketProvider:
    """The other end: keeps who sent what, and answers the pushes that `answers` says."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.answers: Callable[[int], bool] = lambda _: True
        self.news = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "SocketProvider":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def of_worker(self, name: str) -> list[str]:
        return [push for push, worker in self.received if worker == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            push, _, worker = (await reader.readline()).decode().strip().partition(" ")
            if not push:
                # Its worker was killed before it wrote.
                return
            self.received.append((push, worker))
            self.news.set()
            if self.answers(len(self.received)):
                writer.write(b"accepted\n")
                await writer.drain()
            # Whoever gets no answer waits for it, or dies.
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
