"""A hub on a real socket with everything behind it, and clients that speak its protocol."""

import itertools
import json
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from aiohttp import (
    AddrInfoType,
    ClientSession,
    ClientWebSocketResponse,
    TCPConnector,
    WSMsgType,
    web,
)
from aiohttp.test_utils import TestServer

from media.candidates import may_be_told
from signaling.call_model import EndpointKind, RecordPolicy
from signaling.hub import Hub, HubSettings, Identity, Principal
from signaling.people import People
from signaling.requests import Method, Requests
from signaling.session_legs import SessionLegs
from signaling.sessions import Sessions
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.device_messages import PushInfo
from signaling.shared.errors import NotAuthenticated
from signaling.shared.messages import SUBPROTOCOL
from signaling.shared.model import Account, Device
from signaling.switchboard import Switchboard, Switching
from signaling.turn import TurnServers
from tests.exchange import Directory
from tests.fake_engine import FakeEngine
from tests.fake_shelf import FakeShelf

SECONDS = 5.0
RESUME_SECONDS = 30.0


@dataclass(frozen=True)
class Login:
    account: Account
    login: str
    device: str | None


class Office:
    """Who may come in: the token `alice:tablet` is alice's, bound to the device `tablet`."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.devices: list[Device] = []
        self.trouble: Exception | None = None

    async def authenticate(self, token: str) -> Login:
        name, _, device = token.partition(":")
        account = self.directory.accounts.get(name)
        if account is None:
            raise NotAuthenticated("this token is not valid")
        return Login(account, f"login of {token}", device or None)

    async def remember(self, device: Device) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.devices.append(device)


class World:
    """One server; `connect` makes clients of it."""

    def __init__(
        self,
        *,
        open_seconds: float = SECONDS,
        push: PushInfo | None = None,
        record: RecordPolicy = RecordPolicy.NEVER,
        turn: TurnServers | None = None,
        more: Mapping[str, Method] | None = None,
        authenticate: Callable[[str], Awaitable[Principal]] | None = None,
        remember: Callable[[Device], Awaitable[None]] | None = None,
    ) -> None:
        self.engine = FakeEngine()
        self.directory = Directory()
        self.shelf = FakeShelf()
        self.office = Office(self.directory)
        self.sessions = Sessions(RESUME_SECONDS)
        self.board = Switchboard(
            Switching({"example.org"}, 30.0, direct=True, record=record),
            self.engine,
            MemoryBus(),
            self.directory,
            self.shelf,
        )
        self.board.connect(
            EndpointKind.SESSION,
            SessionLegs(self.sessions.send),
            lambda owner: [each.endpoint for each in self.sessions.of_account(owner.id)],
        )
        self.hub = Hub(
            HubSettings(
                "1.2.3",
                RESUME_SECONDS,
                open_seconds,
                emergency_numbers=("112",),
                records=record is RecordPolicy.ON_REQUEST,
                push=push,
                turn=turn or TurnServers(),
            ),
            Identity(authenticate or self.office.authenticate, remember or self.office.remember),
            self.sessions,
            Requests(
                self.board,
                self.sessions,
                People(
                    self.directory.first,
                    self.board.endpoints,
                    self.directory.blocking,
                    self.directory.wakeable,
                ),
                lambda: 1_700_000_000.0,
                partial(may_be_told, loopback=False),
                more,
            ),
        )
        app = web.Application()
        app.router.add_get("/ws", self.hub.handle)
        self._server = TestServer(app, socket_factory=_narrow_socket)
        self._http: ClientSession | None = None
        self._clients: list[Client] = []

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        self._http = ClientSession(connector=TCPConnector(socket_factory=_narrow_caller))
        return self

    async def __aexit__(self, *error: object) -> None:
        for client in self._clients:
            await client.cut()
        await self.board.stop()
        await self.hub.stop()
        if self._http is not None:
            await self._http.close()
        await self._server.close()
        assert self.hub.count() == 0

    @property
    def http(self) -> ClientSession:
        assert self._http is not None
        return self._http

    @property
    def url(self) -> str:
        return str(self._server.make_url("/ws"))

    async def connect(self) -> "Client":
        """A socket that has not said who it is."""
        socket = await self.http.ws_connect(
            self.url, protocols=(SUBPROTOCOL,), autoping=False, max_msg_size=0
        )
        self._clients.append(Client(socket))
        return self._clients[-1]

    async def open(
        self, token: str, *, device: str = "tab", resume: dict[str, Any] | None = None
    ) -> "Client":
        """A client with a session."""
        client = await self.connect()
        await client.open(token, device=device, resume=resume)
        return client

    async def come_back(self, client: "Client", token: str, **changed: Any) -> "Client":
        """The client on a new socket, as it resumes; `changed` is what it gets wrong."""
        resume = {"session": client.session, "epoch": client.epoch, "seq": client.seq}
        device = changed.pop("device", "tab")
        return await self.open(token, device=device, resume=resume | changed)


def _narrow_socket(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """A listener whose connections hold little, so that a slow reader is noticed soon."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    listener.bind((host, port))
    return listener


def _narrow_caller(address: AddrInfoType) -> socket.socket:
    caller = socket.socket(address[0], address[1], address[2])
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    caller.setblocking(False)
    return caller


class RpcError(Exception):
    """The server refused a request."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.data: dict[str, Any] = error["data"]


class Client:
    """Reads as it needs to: events that come before an answer are kept in `events`."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.opened: dict[str, Any] = {}
        self.session, self.epoch, self.seq = "", "", 0
        self._ids = itertools.count(1)

    async def open(
        self,
        token: str,
        *,
        device: str = "tab",
        resume: dict[str, Any] | None = None,
        woken_by: str | None = None,
    ) -> dict[str, Any]:
        params: dict[str, Any] = {"token": token, "device": {"id": device, "platform": "web"}}
        if woken_by is not None:
            params["woken_by"] = woken_by
        if resume is not None:
            params["resume"] = resume
        self.opened = await self.call("session.open", **params)
        self.session, self.epoch = self.opened["session"], self.opened["epoch"]
        self.seq = self.opened["seq"]
        return self.opened

    async def call(self, method: str, **params: Any) -> Any:
        """Ask and wait for the result; raises RpcError."""
        return await self.answer(await self.ask(method, **params))

    async def ask(self, method: str, **params: Any) -> int:
        request = next(self._ids)
        await self.say({"jsonrpc": "2.0", "id": request, "method": method, "params": params})
        return request

    async def answer(self, request: int | None) -> Any:
        while True:
            message = await self.next()
            if "method" in message:
                continue
            assert message["id"] == request, message
            if "error" in message:
                raise RpcError(message["error"])
            return message["result"]

    async def hears(self, method: str, **params: Any) -> dict[str, Any]:
        """The next event of a kind; earlier ones of other kinds are passed over."""
        while True:
            for index, event in enumerate(self.events):
                if event["method"] == method and params.items() <= event["params"].items():
                    del self.events[: index + 1]
                    found: dict[str, Any] = event["params"]
                    return found
            self.events.clear()
            await self.next()

    async def say(self, message: object) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.socket.send_str(text)

    async def next(self) -> dict[str, Any]:
        """The next message, an event noted; numbers rise by one without a gap."""
        message = await self.socket.receive(timeout=SECONDS)
        while message.type in (WSMsgType.PING, WSMsgType.PONG):
            message = await self.socket.receive(timeout=SECONDS)
        assert message.type is WSMsgType.TEXT, message
        said: dict[str, Any] = json.loads(message.data)
        if "method" in said:
            self.events.append(said)
            if "seq" in said["params"]:
                assert said["params"]["seq"] == self.seq + 1
                self.seq += 1
        return said

    async def closed(self) -> int | None:
        """The code that the server closes with, once it does; what it says before is noted."""
        while True:
            message = await self.socket.receive(timeout=SECONDS)
            if message.type is WSMsgType.TEXT:
                self.events.append(json.loads(message.data))
            elif message.type not in (WSMsgType.PING, WSMsgType.PONG):
                return self.socket.close_code

    async def cut(self) -> None:
        """The network breaks: no goodbye reaches the server."""
        with suppress(OSError, AttributeError):
            self.socket.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        await self.socket.close()

    async def start(self, to: str = "bob", *, offer: str = "offer of the caller") -> str:
        """Call somebody; returns the call's id."""
        call = str(uuid.uuid4())
        await self.call("call.start", call=call, to=to, media=1, offer=offer)
        return call
