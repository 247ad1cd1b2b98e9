"""The hub: WebSockets of clients; authenticated, kept alive, resumed, and let go."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec
from aiohttp import web

from signaling.client_socket import ClientSocket
from signaling.connection import (
    INVALID_PARAMS,
    Outbox,
    Rejected,
    error_frame,
    read_envelope,
    receive,
    result_frame,
)
from signaling.sessions import Session, Sessions
from signaling.shared.device_messages import PushInfo
from signaling.shared.errors import Forbidden, NotAuthenticated, TryAgain, WSPhoneError
from signaling.shared.messages import (
    CLOSE_BAD_MESSAGE,
    CLOSE_FELL_BEHIND,
    CLOSE_FORBIDDEN,
    CLOSE_LOG_IN,
    CLOSE_RESTART,
    CLOSE_RESUMED_ELSEWHERE,
    CLOSE_TOO_SLOW,
    MAX_CANDIDATES,
    MAX_MESSAGE,
    SUBPROTOCOL,
    AccountInfo,
    CallInfo,
    Envelope,
    Result,
    ServerInfo,
    SessionOpen,
    SessionOpened,
)
from signaling.shared.model import Account, Device
from signaling.turn import TurnServers

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
PING_SECONDS = 25
DEAD_SECONDS = 2 * PING_SECONDS + 10
STOP_SECONDS = 4.0
MAX_SOCKETS = 20_000
MAX_UNOPENED = 1_000
MAX_UNOPENED_PER_SOURCE = 200
"""Sockets that have not said who they are; beyond that new ones are turned away."""


class Principal(Protocol):
    """What a token proves. `device` is set when the login is bound to one."""

    @property
    def account(self) -> Account: ...
    @property
    def login(self) -> str: ...
    @property
    def device(self) -> str | None: ...


class Calls(Protocol):
    """What the hub tells about sessions, and asks on their behalf."""

    def opened(self, session: Session) -> None:
        """A new session: calls that ring its account are to be told to it now."""

    async def woken(self, session: Session, call: str) -> None:
        """A call woke the device: should it be over, the session hears how it ended."""

    def resumed(self, session: Session) -> None: ...

    def detached(self, session: Session) -> None:
        """Its socket broke; it may resume."""

    def left(self, session: Session) -> None:
        """It is gone for good."""

    def current(self, session: Session) -> list[CallInfo]:
        """The calls that its device takes part in."""

    def request(
        self, session: Session, method: str, params: msgspec.Raw
    ) -> Result | Awaitable[Result]:
        """Do what a client asks.

        Raises Rejected for an unknown method, msgspec.ValidationError for its params, and
        WSPhoneError.
        """


@dataclass(frozen=True, slots=True)
class HubSettings:
    version: str
    resume_seconds: float
    open_seconds: float = OPEN_SECONDS
    emergency_numbers: Collection[str] = ()
    source_of: Callable[[web.Request], str] = lambda request: request.remote or ""
    """What counts as one source of connections."""
    records: bool = False
    """Whether a client may ask for a recording."""
    push: PushInfo | None = None
    """What clients are told of pushes; None: they are not offered."""
    turn: TurnServers = TurnServers()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may come in: both functions are asked once a session opens."""

    authenticate: Callable[[str], Awaitable[Principal]]
    """Raises NotAuthenticated."""
    remember: Callable[[Device], Awaitable[None]]


class Hub:
    """Every WebSocket of this process. `keep_time` must run: it is the one timer of all."""

    def __init__(
        self, settings: HubSettings, identity: Identity, sessions: Sessions, calls: Calls
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._sessions = sessions
        self._calls = calls
        self._sockets: list[set[ClientSocket]] = [set() for _ in range(PING_SECONDS)]
        self._second = 0
        self._count = 0
        self._unopened: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    def count(self) -> int:
        """Open sockets."""
        return self._count

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The handler of `GET /ws`."""
        source = self._settings.source_of(request)
        if self._stopping or not self._has_room(source):
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        response = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            autoping=False,
            compress=False,
            max_msg_size=MAX_MESSAGE,
            timeout=2.0,
        )
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in (name.strip() for name in offered.split(",")):
            raise web.HTTPBadRequest(text=f"ask for the WebSocket subprotocol {SUBPROTOCOL}\n")
        await response.prepare(request)
        socket = ClientSocket(response, Outbox(request, response), _now())
        with self._kept(socket):
            writer = asyncio.create_task(socket.outbox.write(), name="websocket writer")
            if self._stopping:
                socket.outbox.close(CLOSE_RESTART, "the server restarts")
            try:
                await self._serve(socket, source)
            finally:
                self._detach(socket)
                await socket.finish(writer)
        return response

    @contextmanager
    def _kept(self, socket: ClientSocket) -> Iterator[None]:
        """Count a socket and have it pinged, until it is gone."""
        slot = self._sockets[self._count % PING_SECONDS]
        slot.add(socket)
        self._count += 1
        self._idle.clear()
        try:
            yield
        finally:
            slot.discard(socket)
            self._count -= 1
            if not self._count:
                self._idle.set()

    async def keep_time(self) -> None:
        """Do what each second brings."""
        while True:
            await asyncio.sleep(1.0)
            try:
                self.tick(_now())
            except Exception:  # noqa: BLE001  the edge of a second: the next one comes
                log.exception("the hub's clock missed a beat")

    def tick(self, now: float) -> None:
        """A second passed: ping the sockets whose turn it is, drop what is dead or forgotten."""
        self._second = (self._second + 1) % PING_SECONDS
        for socket in self._sockets[self._second]:
            if now - socket.heard_at > DEAD_SECONDS:
                socket.outbox.abort()
            else:
                socket.outbox.ping()
                socket.renew(self._settings.turn, now)
        for session in self._sessions.expired(now):
            self._calls.left(session)

    async def stop(self) -> None:
        """Turn new sockets away, tell the open ones to come back, and wait for them."""
        self._stopping = True
        for slot in self._sockets:
            for socket in slot:
                socket.outbox.close(CLOSE_RESTART, "the server restarts")
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._idle.wait()

    def revoke(self, account: str, *, login: str | None, code: int) -> None:
        """End the account's sessions, or those of one login."""
        for session in self._sessions.of_account(account):
            if login is None or session.login == login:
                outbox = session.outbox
                self._sessions.remove(session)
                if outbox is not None:
                    outbox.close(code, "log in again")
                self._calls.left(session)

    # --- one socket

    def _has_room(self, source: str) -> bool:
        return (
            self._count < MAX_SOCKETS
            and self._unopened.total() < MAX_UNOPENED
            and self._unopened[source] < MAX_UNOPENED_PER_SOURCE
        )

    async def _serve(self, socket: ClientSocket, source: str) -> None:
        try:
            if not await self._open(socket, source):
                return
            while socket.is_current and (text := await receive(socket.response)) is not None:
                if not socket.may_speak(_now()):
                    socket.outbox.close(CLOSE_FELL_BEHIND, "too many messages")
                    return
                if text:
                    self._handle(socket, read_envelope(text))
        except Rejected as error:
            socket.outbox.add(error_frame(None, error))
            socket.outbox.close(CLOSE_BAD_MESSAGE, str(error))

    async def _open(self, socket: ClientSocket, source: str) -> bool:
        """Wait for `session.open`; False when the socket was told to go."""
        self._unopened[source] += 1
        try:
            async with asyncio.timeout(self._settings.open_seconds):
                text: str | None = ""
                while text == "":
                    text = await receive(socket.response)
                return text is not None and await self._authenticate(socket, text)
        except TimeoutError:
            socket.outbox.close(CLOSE_TOO_SLOW, "no session.open in time")
            return False
        finally:
            self._unopened[source] -= 1
            if not self._unopened[source]:
                del self._unopened[source]

    async def _authenticate(self, socket: ClientSocket, text: str) -> bool:
        envelope = read_envelope(text)
        try:
            if envelope.method != "session.open":
                raise NotAuthenticated("the first message is session.open")
            asked = msgspec.json.decode(envelope.params, type=SessionOpen)
            principal = await self._identity.authenticate(asked.token)
            if principal.device is not None and principal.device != asked.device.id:
                raise Forbidden("this login belongs to another device")
            device = _device(principal.account, asked)
            # In the turn in which its token was found good: what is revoked later finds it here.
            self._attach(socket, envelope, asked, principal, device)
        except (msgspec.DecodeError, RecursionError) as error:
            socket.outbox.add(error_frame(envelope.id, Rejected(INVALID_PARAMS, str(error))))
            socket.outbox.close(CLOSE_BAD_MESSAGE, str(error))
            return False
        except (NotAuthenticated, Forbidden, TryAgain) as error:
            socket.outbox.add(error_frame(envelope.id, error))
            socket.outbox.close(_close_code(error), str(error))
            return False
        await self._remember(device)
        if asked.woken_by is not None and socket.session is not None:
            await self._calls.woken(socket.session, str(asked.woken_by))
        return True

    async def _remember(self, device: Device) -> None:
        try:
            await self._identity.remember(device)
        except WSPhoneError as error:
            log.warning("a device of account %s is not remembered: %s", device.account, error)

    def _attach(
        self,
        socket: ClientSocket,
        envelope: Envelope,
        asked: SessionOpen,
        principal: Principal,
        device: Device,
    ) -> None:
        """Nothing waits in here: the reply, what was missed and what comes stay in order."""
        account = principal.account
        resumed = asked.resume and self._sessions.resume(account, device, asked.resume)
        if resumed:
            session, missed = resumed
            session.account, session.device, session.login = account, device, principal.login
        else:
            session, missed = Session(account, device, principal.login), []
            evicted = self._sessions.add(session)
            if evicted is not None:
                self._calls.left(evicted)
        session.foreground = asked.device.app_state == "foreground"
        socket.session = session
        before = self._sessions.attach(session, socket.outbox)
        if before is not None:
            before.close(CLOSE_RESUMED_ELSEWHERE, "this session was resumed elsewhere")
        opened = self._opened(socket, session, resumed=bool(resumed), missed=len(missed))
        socket.outbox.add(result_frame(envelope.id, opened))
        for frame in missed:
            socket.outbox.add(frame)
        if resumed:
            self._calls.resumed(session)
        else:
            self._calls.opened(session)

    def _opened(
        self, socket: ClientSocket, session: Session, *, resumed: bool, missed: int
    ) -> SessionOpened:
        account, settings = session.account, self._settings
        limits = {"message_bytes": MAX_MESSAGE, "candidates": MAX_CANDIDATES}
        return SessionOpened(
            session=session.id,
            epoch=session.events.epoch,
            seq=session.events.seq - missed,
            resumed=resumed,
            server=ServerInfo(
                settings.version,
                [*(["push"] if settings.push else []), *(["record"] if settings.records else [])],
                limits,
                list(settings.emergency_numbers),
                settings.push,
            ),
            server_time=round(time.time(), 3),
            account=AccountInfo(account.id, account.name, account.address, account.display_name),
            ping_seconds=PING_SECONDS,
            resume_seconds=settings.resume_seconds,
            ice_servers=socket.ice_servers(settings.turn, session.account.id, _now()),
            calls=self._calls.current(session),
        )

    def _handle(self, socket: ClientSocket, envelope: Envelope) -> None:
        session = socket.session
        if session is None or not socket.is_current:
            return
        try:
            socket.check_room()
            result = self._calls.request(session, envelope.method, envelope.params)
        except (msgspec.DecodeError, RecursionError) as error:
            socket.respond(envelope, Rejected(INVALID_PARAMS, str(error)))
        except (Rejected, WSPhoneError) as error:
            socket.respond(envelope, error)
        else:
            if isinstance(result, msgspec.Struct):
                socket.respond(envelope, result)
            else:
                socket.respond_later(envelope, asyncio.ensure_future(result))

    def _detach(self, socket: ClientSocket) -> None:
        session = socket.session
        if session is not None and self._sessions.detach(session, socket.outbox, _now()):
            self._calls.detached(session)


def _device(account: Account, asked: SessionOpen) -> Device:
    told = asked.device
    return Device(account.id, told.id, told.platform, told.model, told.os_version, told.app_version)


def _close_code(error: WSPhoneError) -> int:
    if isinstance(error, NotAuthenticated):
        return CLOSE_LOG_IN
    return CLOSE_FORBIDDEN if isinstance(error, Forbidden) else CLOSE_FELL_BEHIND


def _now() -> float:
    return asyncio.get_running_loop().time()
