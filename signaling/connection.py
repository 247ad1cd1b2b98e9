"""One WebSocket of an authenticated client: a bounded way out, a checked way in."""

import asyncio
import logging
from collections import deque

import msgspec
from aiohttp import WSMsgType, web

from signaling.shared.errors import (
    BadMessage,
    Forbidden,
    IncompatibleMedia,
    NoSuchCall,
    NotAuthenticated,
    NotFound,
    TryAgain,
    WrongState,
    WSPhoneError,
)
from signaling.shared.messages import Envelope, Result

log = logging.getLogger(__name__)

MAX_QUEUED = 512
MAX_QUEUED_BYTES = 2_097_152
"""What may wait for a slow reader; one frame more and the socket is closed to resume later."""

_envelopes = msgspec.json.Decoder(Envelope)
_encoder = msgspec.json.Encoder()

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_CODES: tuple[tuple[type[WSPhoneError], int], ...] = (
    (NotAuthenticated, -32000),
    (Forbidden, -32001),
    (NoSuchCall, -32002),
    (WrongState, -32003),
    (TryAgain, -32004),
    (NotFound, -32005),
    (IncompatibleMedia, -32006),
    (BadMessage, INVALID_PARAMS),
)

RequestId = int | str | None


class Rejected(Exception):
    """The message itself is unusable; it gets `code`, and the socket is closed if it must be."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_envelope(text: str) -> Envelope:
    """One JSON-RPC request; raises Rejected."""
    try:
        return _envelopes.decode(text)
    except msgspec.ValidationError as error:
        raise Rejected(INVALID_REQUEST, str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(PARSE_ERROR, "this is not JSON that we can read") from error


def result_frame(request: RequestId, result: Result) -> str:
    """The response to a request that went well."""
    answer = {"jsonrpc": "2.0", "id": request, "result": result}
    return _encoder.encode(answer).decode()


def error_frame(request: RequestId, error: WSPhoneError | Rejected) -> str:
    """The response to a request that did not; the only place where errors become JSON codes."""
    data: dict[str, object] = {"detail": str(error)}
    if isinstance(error, Rejected):
        code = error.code
    else:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL_ERROR)
        ended = getattr(error, "ended", None)
        retry_after = getattr(error, "retry_after", None)
        if ended is not None:
            data["ended"] = ended
        if retry_after is not None:
            data["retry_after"] = retry_after
    answer = {
        "jsonrpc": "2.0",
        "id": request,
        "error": {"code": code, "message": str(error), "data": data},
    }
    return _encoder.encode(answer).decode()


class Outbox:
    """What a socket still has to send. One task writes; whoever adds never waits."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._transport = request.transport
        self._socket = socket
        self._frames: deque[str | None] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self._close: tuple[int, str] | None = None
        self.overflowed = False

    def add(self, frame: str) -> None:
        """Queue a frame; beyond the bound the socket is given up: the client fell behind."""
        if self.overflowed or self._close is not None:
            return
        self._size += len(frame)
        if len(self._frames) >= MAX_QUEUED or self._size > MAX_QUEUED_BYTES:
            self.overflowed = True
            self.abort()
            return
        self._frames.append(frame)
        self._filled.set()

    def ping(self) -> None:
        """Have a WebSocket ping sent, after the frames that wait."""
        if self._close is None and not self.overflowed and None not in self._frames:
            self._frames.append(None)
            self._filled.set()

    def close(self, code: int, reason: str) -> None:
        """Close once everything queued so far is sent."""
        if self._close is None:
            self._close = (code, reason)
            self._filled.set()

    def abort(self) -> None:
        """Drop the connection at once: nobody reads at the other end."""
        if self._transport is not None:
            self._transport.abort()

    async def write(self) -> None:
        """Send until the socket is closed."""
        try:
            while self._close is None or self._frames:
                await self._filled.wait()
                self._filled.clear()
                while self._frames:
                    await self._send(self._frames.popleft())
            code, reason = self._close
            await self._socket.close(code=code, message=reason.encode()[:120])
        except ConnectionError:
            self.abort()

    async def _send(self, frame: str | None) -> None:
        if frame is None:
            await self._socket.ping()
        else:
            self._size -= len(frame)
            await self._socket.send_str(frame)


async def receive(socket: web.WebSocketResponse) -> str | None:
    """The next text frame, control frames passed over as `""`; None when the socket is done.

    Raises Rejected for binary frames.
    """
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        return str(message.data)
    if message.type is WSMsgType.PING:
        await socket.pong(message.data)
        return ""
    if message.type is WSMsgType.PONG:
        return ""
    if message.type is WSMsgType.BINARY:
        raise Rejected(INVALID_REQUEST, "text frames only")
    return None
