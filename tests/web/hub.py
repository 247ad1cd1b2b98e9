"""The server's end of the softphone's socket, played by the test message by message."""

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

SUBPROTOCOL = "wsphone.v1"
PATIENCE = 10.0

Message = dict[str, Any]


class Link:
    """One socket that the page opened."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._received: asyncio.Queue[Message] = asyncio.Queue()

    async def read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._received.put_nowait(json.loads(message.data))

    async def receive(self) -> Message:
        return await asyncio.wait_for(self._received.get(), PATIENCE)

    async def answer(self, request: Message, result: object) -> None:
        await self._send({"id": request["id"], "result": result})

    async def refuse(self, request: Message, code: int) -> None:
        await self._send({"id": request["id"], "error": {"code": code, "message": "no"}})

    async def event(self, seq: int) -> None:
        """An event whose number is all that matters."""
        await self._send({"method": "call.dtmf", "params": {"call": "c", "seq": seq}})

    async def close(self, code: int) -> None:
        await self._socket.close(code=code)

    def cut(self) -> None:
        """As a dead network does: without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _send(self, message: Message) -> None:
        await self._socket.send_str(json.dumps({"jsonrpc": "2.0", **message}))


class Hub:
    """Takes the page's sockets, in order."""

    def __init__(self) -> None:
        self._links: asyncio.Queue[Link] = asyncio.Queue()
        self._all: list[Link] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await socket.prepare(request)
        link = Link(request, socket)
        self._all.append(link)
        self._links.put_nowait(link)
        await link.read()
        return socket

    async def link(self) -> Link:
        return await asyncio.wait_for(self._links.get(), PATIENCE)

    async def opened(self, *, seq: int = 0, resumed: bool = False) -> tuple[Link, Message]:
        """The next socket with its session open, and the `session.open` that did it."""
        link = await self.link()
        request = await link.receive()
        assert request["method"] == "session.open"
        place = {"session": "s1", "epoch": "e1", "seq": seq, "resumed": resumed}
        await link.answer(request, {**place, "ice_servers": [], "calls": []})
        return link, request

    def hang_up(self) -> None:
        for link in self._all:
            link.cut()
