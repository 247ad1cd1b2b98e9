"""A client of the wire: the protocol without a browser, for moments that a page never meets."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp

from tests.end_to_end.server import Person

SECONDS = 10.0

Params = dict[str, Any]

# What Chromium offers for one microphone, cut down; its addresses come as candidates.
DESCRIPTION = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=extmap-allow-mixed",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:{ufrag}",
        "a=ice-pwd:asd88fgpdd777uzjYhagZg42",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(f"{octet:02X}" for octet in range(32)),
        "a=setup:{setup}",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:110 telephone-event/48000",
        "",
    ]
)
OFFER = DESCRIPTION.format(ufrag="caLL", setup="actpass")
ANSWER = DESCRIPTION.format(ufrag="aNsW", setup="active").replace(" 111 0 8 110", " 111 110")


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, error: Params) -> None:
        super().__init__(str(error))
        self.code: int = error["code"]
        self.data: Params = error.get("data") or {}


class Client:
    """One device of an account: its session outlives its sockets."""

    def __init__(self, http: aiohttp.ClientSession, token: str, device: str) -> None:
        self.seqs: list[int] = []
        self.closed_with: int | None = None
        self._http = http
        self._token = token
        self._device = device
        self._session: Params = {}
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: list[tuple[str, Params]] = []
        self._changed = asyncio.Condition()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, url: str) -> None:
        """Open a socket, and nothing more."""
        self._socket = await self._http.ws_connect(f"{url}/ws", protocols=["wsphone.v1"])
        self._reader = asyncio.create_task(self._read(self._socket), name="client's socket")

    async def open(self, **params: Any) -> Params:
        """Open a session on the socket; `params` are added to session.open."""
        self._session = await (await self.begin_open(**params))
        return self._session

    async def begin_open(self, **params: Any) -> asyncio.Future[Any]:
        """Send session.open without waiting for its answer."""
        device = {"id": self._device, "platform": "other"}
        return await self.begin("session.open", token=self._token, device=device, **params)

    async def resume(self, url: str) -> Params:
        """Come back on a new socket; the events missed follow."""
        await self.connect(url)
        position = {
            "session": self._session["session"],
            "epoch": self._session["epoch"],
            "seq": self.seqs[-1] if self.seqs else 0,
        }
        return await self.open(resume=position)

    def copy(self) -> "Client":
        copy = Client(self._http, self._token, self._device)
        copy.seqs, copy._session = list(self.seqs), self._session
        return copy

    async def request(self, method: str, **params: Any) -> Any:
        """Ask and wait for the result; Refused when it is an error."""
        async with asyncio.timeout(SECONDS):
            return await (await self.begin(method, **params))

    async def begin(self, method: str, **params: Any) -> asyncio.Future[Any]:
        """Send a request and return its result to come, so that others can follow at once."""
        assert self._socket is not None
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await self._socket.send_json(message)
        return answer

    async def call(self, address: str) -> str:
        """Call somebody; the call's id."""
        call = str(uuid.uuid4())
        await self.request("call.start", call=call, to=address, media=1, offer=OFFER)
        return call

    async def event(self, method: str, wanted: Callable[[Params], bool] = lambda _: True) -> Params:
        """Wait for an event and take it: each is given out once."""
        try:
            async with asyncio.timeout(SECONDS), self._changed:
                while (found := self._find(method, wanted)) is None:
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"no {method} came, but {self._events}") from None

    async def first_event(self) -> tuple[str, Params]:
        """Wait for an event and take the oldest one that was not taken; its method and params."""
        try:
            async with asyncio.timeout(SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._events)
                return self._events.pop(0)
        except TimeoutError:
            raise AssertionError("no event came") from None

    def has(self, method: str) -> bool:
        """Whether such an event came and was not taken."""
        return any(name == method for name, _ in self._events)

    async def dropped(self) -> int | None:
        """Wait until the socket is gone; the close code, if there was one."""
        assert self._reader is not None
        async with asyncio.timeout(SECONDS):
            await asyncio.shield(self._reader)
        return self.closed_with

    async def close(self) -> None:
        """Leave: the session ends, and its socket."""
        if self._socket is not None and not self._socket.closed:
            with suppress(ConnectionError):
                await self.request("session.close")
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    def _find(self, method: str, wanted: Callable[[Params], bool]) -> Params | None:
        for index, (name, params) in enumerate(self._events):
            if name == method and wanted(params):
                del self._events[index]
                return params
        return None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                await self._take(frame.json())
        self.closed_with = socket.close_code
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the socket is gone"))
        self._answers.clear()

    async def _take(self, message: Params) -> None:
        if "method" not in message:
            answer = self._answers.pop(message["id"])
            if answer.cancelled():
                return  # whoever asked has timed out
            if "error" in message:
                answer.set_exception(Refused(message["error"]))
            else:
                answer.set_result(message["result"])
            return
        params = message["params"]
        if "seq" in params:
            self.seqs.append(params["seq"])
        async with self._changed:
            self._events.append((message["method"], params))
            self._changed.notify_all()


@asynccontextmanager
async def clients(server_url: str) -> AsyncIterator["Clients"]:
    """A place to get clients from; they have left after the block."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as leaving:
        yield Clients(http, server_url, leaving)


class Clients:
    """Logs people in and keeps their clients."""

    def __init__(self, http: aiohttp.ClientSession, url: str, leaving: AsyncExitStack) -> None:
        self._leaving = leaving
        self._http = http
        self._url = url

    def twin(self, client: Client) -> Client:
        """A second holder of a client's session and position, without a socket."""
        copy = client.copy()
        self._leaving.push_async_callback(copy.close)
        return copy

    async def log_in(self, person: Person, *, device: str) -> Client:
        """A client with a token and without a socket."""
        body = {"username": person.name, "password": person.password}
        async with self._http.post(f"{self._url}/api/login", json=body) as response:
            assert response.status == 200, await response.text()
            token = (await response.json())["token"]
        client = Client(self._http, token, device)
        self._leaving.push_async_callback(client.close)
        return client

    async def online(self, person: Person, *, device: str) -> Client:
        """A client with an open session."""
        client = await self.log_in(person, device=device)
        await client.connect(self._url)
        await client.open()
        return client
