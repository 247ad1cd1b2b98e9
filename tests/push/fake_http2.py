"""A server's end of HTTP/2, made of frames and not of h2: answers and breaks as it is told."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 65_535
CANCEL, FLOW_CONTROL_ERROR, REFUSED_STREAM = 8, 3, 7


@dataclass
class Heard:
    """A request as it comes in; `whole` once its body has ended."""

    stream: int
    headers: dict[str, str]
    body: bytes = b""
    whole: bool = False
    reset: int | None = None


@dataclass
class Rules:
    """What the server allows; one without credits never lets the client send more.

    One that does not greet keeps its settings to itself, which no server may.
    """

    first_streams: int = 100
    streams: int = 100
    credits: bool = True
    greets: bool = True


@dataclass
class _Window:
    left: int = WINDOW
    waiting: deque[bytes] = field(default_factory=deque)


class FakeConnection(asyncio.Protocol):
    """Collects requests for `on_request`; `violations` are breaches of RFC 9113 by the client."""

    def __init__(
        self,
        rules: Rules,
        on_open: Callable[["FakeConnection"], None],
        on_request: Callable[["FakeConnection", Heard], None],
    ) -> None:
        self.rules = rules
        self.requests: dict[int, Heard] = {}
        self.open: set[int] = set()
        self.pinged: asyncio.Queue[bytes] = asyncio.Queue()
        self.deaf = False
        self.violations: list[str] = []
        self.gone = asyncio.Event()
        self.went_away: int | None = None
        self._on_open, self._on_request = on_open, on_request
        self._decoder, self._encoder = Decoder(), Encoder()
        self._received = bytearray()
        self._preface_is_due = True
        self._client_window = _Window()
        self._our_window = WINDOW

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._on_open(self)
        if self.rules.greets:
            self.allow(self.rules.first_streams)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        self._received += data
        if self._preface_is_due:
            if len(self._received) < len(PREFACE):
                return
            assert self._received.startswith(PREFACE)
            del self._received[: len(PREFACE)]
            self._preface_is_due = False
        while (frame := self._next_frame()) is not None:
            self._on_frame(frame)

    def allow(self, streams: int) -> None:
        self._allowed = streams
        self._write(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: streams}))

    def answer(self, stream: int, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send a whole answer; its body waits until the client has given enough credit."""
        if self.transport.is_closing() or stream not in self.open:
            return
        block = self._encoder.encode([(":status", str(status)), *headers.items()])
        ends = ["END_HEADERS"] if body else ["END_HEADERS", "END_STREAM"]
        self._write(HeadersFrame(stream, block, flags=ends))
        self._close_stream(stream)
        if body:
            frame = DataFrame(stream, body, flags=["END_STREAM"])
            self._client_window.waiting.append(frame.serialize())
            self._send_waiting()

    def headers_only(self, stream: int, status: int) -> None:
        """The beginning of an answer whose end does not come."""
        block = self._encoder.encode([(":status", str(status))])
        self._write(HeadersFrame(stream, block, flags=["END_HEADERS"]))

    def reset(self, stream: int, code: int) -> None:
        self._close_stream(stream)
        self._write(RstStreamFrame(stream, code))

    def go_away(self, last_stream: int, code: int = 0) -> None:
        """Promise to answer what came up to this stream, and to ignore the rest."""
        self.went_away = last_stream
        self._write(GoAwayFrame(0, last_stream, code, additional_data=b'{"reason":"Shutdown"}'))

    def credit(self, size: int, *streams: int) -> None:
        """Let the client send so much more, on the connection and on these streams."""
        self._our_window += size
        for stream in (0, *streams):
            self._write(WindowUpdateFrame(stream, size))

    def drop(self) -> None:
        self.transport.abort()

    def write_raw(self, data: bytes) -> None:
        self.transport.write(data)

    def _next_frame(self) -> Frame | None:
        if len(self._received) < 9:
            return None
        frame, size = Frame.parse_frame_header(memoryview(bytes(self._received[:9])))
        if len(self._received) < 9 + size:
            return None
        frame.parse_body(memoryview(bytes(self._received[9 : 9 + size])))
        del self._received[: 9 + size]
        return frame

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case HeadersFrame():
                self._on_headers(frame)
            case DataFrame():
                self._on_data(frame)
            case RstStreamFrame():
                self._close_stream(frame.stream_id)
                self.requests[frame.stream_id].reset = frame.error_code
            case PingFrame() if "ACK" not in frame.flags:
                self.pinged.put_nowait(frame.opaque_data)
                self._write(PingFrame(0, frame.opaque_data, flags=["ACK"]))
            case SettingsFrame() if "ACK" not in frame.flags:
                self._write(SettingsFrame(0, flags=["ACK"]))
            case WindowUpdateFrame() if frame.stream_id == 0:
                self._client_window.left += frame.window_increment
                self._send_waiting()
            case GoAwayFrame():
                self.violations.append(f"GOAWAY {frame.error_code} from the client")

    def _on_headers(self, frame: HeadersFrame) -> None:
        assert "END_HEADERS" in frame.flags
        stream = frame.stream_id
        headers = {str(name): str(value) for name, value in self._decoder.decode(frame.data)}
        if stream % 2 == 0 or stream <= max(self.requests, default=0):
            self.violations.append(f"stream {stream} is out of order")
        self.requests[stream] = Heard(stream, headers)
        self.open.add(stream)
        if len(self.open) > self._allowed:
            self.violations.append(f"{len(self.open)} streams at a time")
        if "END_STREAM" in frame.flags:
            self._end(stream)

    def _on_data(self, frame: DataFrame) -> None:
        self._our_window -= frame.flow_controlled_length
        if self._our_window < 0:
            self.violations.append("more data than there was credit for")
        request = self.requests[frame.stream_id]
        request.body += frame.data
        if self.rules.credits and frame.flow_controlled_length:
            self.credit(frame.flow_controlled_length)
        if "END_STREAM" in frame.flags:
            self._end(frame.stream_id)

    def _end(self, stream: int) -> None:
        self.requests[stream].whole = True
        if self.went_away is None or stream <= self.went_away:
            self._on_request(self, self.requests[stream])

    def _close_stream(self, stream: int) -> None:
        self.open.discard(stream)

    def _send_waiting(self) -> None:
        """A body of an answer fits into a stream's window, so the connection's alone counts."""
        window = self._client_window
        while window.waiting and window.left >= len(window.waiting[0]) - 9:
            data = window.waiting.popleft()
            window.left -= len(data) - 9
            self.transport.write(data)

    def _write(self, frame: Frame) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame.serialize())
