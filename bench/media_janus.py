"""Janus' SIP plugin as the benchmark's bridge, and the phones that its calls ring at."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp

from bench.janus import WEBSOCKET_PORT, janus
from bench.media_ends import End, PlainEnd, WebEnd
from bench.media_own import Bridge, Voices
from media.addresses import LOOPBACK
from media.sdp import parse as parse_sdp
from signaling.sip.message import Headers, Request, Response, parse

SECONDS = 10.0


class Phones(asyncio.DatagramProtocol):
    """One SIP port for all phones: each answers its call at once."""

    def __init__(self) -> None:
        self.port = 0
        self.phones: dict[str, PlainEnd] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        request = parse(data)
        if not isinstance(request, Request) or request.method == "ACK":
            return
        body = b""
        if request.method == "INVITE" and request.sdp is not None:
            phone = self.phones[request.uri.user or ""]
            phone.target = (LOOPBACK, parse_sdp(request.sdp).media[0].port)
            body = phone.description().encode()
        self._transport.sendto(bytes(self._accept(request, body)), addr)

    def _accept(self, request: Request, body: bytes) -> Response:
        headers = request.headers
        echoed = [
            line for name in ("via", "from", "call-id", "cseq") for line in headers.named(name)
        ]
        own = [
            ("To", f"{headers.only('to')};tag=phone"),
            ("Contact", f"<sip:{LOOPBACK}:{self.port}>"),
            ("Content-Type", "application/sdp"),
            ("Content-Length", str(len(body))),
        ]
        return Response(200, "OK", Headers([*echoed, *Headers.of(own).lines]), body)


class Session:
    """Janus' own protocol: requests, and the plugin's events of each handle."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._place: dict[str, Any] = {}

    async def create(self) -> None:
        self._place = {"session_id": (await self._say("create"))["data"]["id"]}

    async def attach(self) -> int:
        handle: int = (await self._say("attach", plugin="janus.plugin.sip"))["data"]["id"]
        self._events[handle] = asyncio.Queue()
        return handle

    async def ask(self, handle: int, body: dict[str, Any], wanted: str, **more: Any) -> Any:
        """Send the plugin a request, and wait for an event; RuntimeError for another's failure."""
        await self._say("message", handle_id=handle, body=body, **more)
        async with asyncio.timeout(SECONDS):
            while True:
                message = await self._events[handle].get()
                event = message["plugindata"]["data"].get("result", {}).get("event")
                if event == wanted:
                    return message
                if event in (None, "hangup", "registration_failed"):
                    raise RuntimeError(f"Janus did not say {wanted!r} but {message}")

    async def complete(self, handle: int) -> None:
        """Tell that no candidate follows."""
        await self._say("trickle", handle_id=handle, candidate={"completed": True})

    async def listen(self) -> None:
        async for data in self._socket:
            message = data.json()
            answered = self._answers.pop(message.get("transaction", ""), None)
            if answered is not None:
                answered.set_result(message)
            elif message["janus"] == "event":
                self._events[message["sender"]].put_nowait(message)

    async def _say(self, kind: str, **words: Any) -> dict[str, Any]:
        transaction = str(next(self._numbers))
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[transaction] = future
        await self._socket.send_json(
            {"janus": kind, "transaction": transaction, **self._place, **words}
        )
        async with asyncio.timeout(SECONDS):
            answer = await future
        if answer["janus"] == "error":
            raise RuntimeError(f"Janus refuses {kind}: {answer}")
        return answer


class Janus:
    """Calls from a browser through the plugin to a phone."""

    def __init__(self, pid: int, session: Session, phones: Phones) -> None:
        self.pid = pid
        self._session = session
        self._phones = phones

    async def call(self, voices: Voices) -> tuple[End, End]:
        """See Bridge."""
        web, phone = WebEnd(voices[0]), PlainEnd(voices[1])
        phone.open()
        handle = await self._session.attach()
        self._phones.phones[str(handle)] = phone
        who = {"type": "guest", "username": f"sip:web{handle}@{LOOPBACK}"}
        await self._session.ask(handle, {"request": "register", **who}, "registered")
        uri = f"sip:{handle}@{LOOPBACK}:{self._phones.port}"
        offer = {"type": "offer", "sdp": await web.offer()}
        calling = asyncio.create_task(
            self._session.ask(handle, {"request": "call", "uri": uri}, "accepted", jsep=offer)
        )
        await self._session.complete(handle)
        await web.connect((await calling)["jsep"]["sdp"])
        return web, phone


@asynccontextmanager
async def janus_sip() -> AsyncIterator[Bridge]:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        program = await stack.enter_async_context(janus(Path(folder) / "janus"))
        transport, phones = await loop.create_datagram_endpoint(Phones, local_addr=(LOOPBACK, 0))
        stack.callback(transport.close)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        socket = await stack.enter_async_context(
            http.ws_connect(f"http://{LOOPBACK}:{WEBSOCKET_PORT}/", protocols=["janus-protocol"])
        )
        session = Session(socket)
        listening = asyncio.create_task(session.listen())
        stack.callback(listening.cancel)
        await session.create()
        yield Janus(program.pid, session, phones)
