"""One client's HTTP/2 connection (RFC 9113): many requests at a time, each on the wire once."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hpack.struct import Header, HeaderTuple, NeverIndexedHeaderTuple

IDLE_PING_SECONDS = 30.0
"""Less than the memory that address translators have for a silent connection."""
BUSY_PING_SECONDS = 1.0
PING_ANSWER_SECONDS = 2.0
MAX_STREAMS = 500
"""Ours; h2 looks at each open stream whenever another one begins."""
MAX_REQUESTS = 1_000_000
"""Then another connection takes over: the numbers of streams are finite (section 5.1.1)."""
MAX_ANSWER_BYTES = 4_096

BUSY = "too many pushes"
"""Too many wait already: to come back at once would only make it worse."""
NOT_TRUSTED = "certificate not trusted"

_GOAWAY = 7
_FRAME_HEADER_BYTES = 9
_MAX_FRAME_BYTES = 16_384
_LAST_STREAM = 2**31 - 1
# Of RFC 7541, appendix A, what a request may have.
_STATIC_NAMES = frozenset({b"authorization"})

_Text = bytes | str
_Headers = (
    Iterable[HeaderTuple | tuple[_Text, _Text] | tuple[_Text, _Text, bool | None]]
    | dict[_Text, _Text]
)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. Both ends remember the `fixed` headers; of the `varying` ones only the names.

    Values that are new in each request would push those out of HPACK's table that are not;
    secrets do not belong there (RFC 7541, section 7.1.3).
    """

    path: bytes
    fixed: tuple[tuple[bytes, bytes], ...]
    varying: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; of a long body only the beginning."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came. `unsent`: the server has surely not processed the request."""

    reason: str
    unsent: bool


Result = Answer | Failure
Ended = tuple[int, Result]


class State(Enum):
    """How far a connection is; it goes forward only.

    OPENING ──SETTINGS──> OPEN ──GOAWAY or silence──> DRAINING ──lost──> CLOSED

    Requests begin in OPEN alone. One that drains still hears the answers to what it sent.
    """

    OPENING = "opening"
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


@dataclass(slots=True)
class _Stream:
    """A request that has no whole answer yet; `unsent` is what is left of its body."""

    unsent: bytes
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    def answer(self) -> Answer | None:
        """What is known of it: a status says what became of a request, with or without its body."""
        if self.status is None:
            return None
        return Answer(self.status, self.headers, bytes(self.body))


class _PlainEncoder(Encoder):
    """Leaves Huffman's code out: it saves a quarter of a header and is slow in Python."""

    def encode(self, headers: _Headers, huffman: bool = False) -> bytes:
        return super().encode(headers, huffman=huffman)


class Connection:
    """Bytes in, ended requests out; `now` is any clock that only goes forward."""

    def __init__(self, authority: str, now: float) -> None:
        self._authority = authority.encode()
        self._h2 = _h2_client()
        self._streams: dict[int, _Stream] = {}
        # Those whose bodies wait for the server's flow control.
        self._blocked: set[int] = set()
        self._known_names = set(_STATIC_NAMES)
        self._received = bytearray()
        self._max_streams = 0
        self._heard_at = now
        self._pinged_at: float | None = None
        self._pings = count()
        self.state = State.OPENING
        self.answered = False
        """Whether any request was answered: a server that never does is not asked at once again."""

    @property
    def room(self) -> int:
        """How many more requests may begin now."""
        if self.state is not State.OPEN or self._blocked:
            return 0
        return max(0, self._max_streams - len(self._streams))

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answer."""
        return len(self._streams)

    @property
    def deadline(self) -> float:
        """When `on_time` is due."""
        if self.state is not State.OPEN:
            return math.inf
        if self._pinged_at is not None:
            return self._pinged_at + PING_ANSWER_SECONDS
        return self._heard_at + (BUSY_PING_SECONDS if self._streams else IDLE_PING_SECONDS)

    def outgoing(self) -> bytes:
        """What has to be written now."""
        return self._h2.data_to_send()

    def start(self, request: Request) -> int:
        """Begin a request, for which there must be room; the number of its stream."""
        stream_id = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream_id, self._header_fields(request), end_stream=not request.body)
        self._streams[stream_id] = stream = _Stream(request.body)
        self._send_body(stream_id, stream)
        if stream_id >= 2 * MAX_REQUESTS - 1:
            self.state = State.DRAINING
        return stream_id

    def cancel(self, stream_id: int) -> None:
        """Forget one request, whose answer nobody waits for any more."""
        if self._streams.pop(stream_id, None) is not None:
            self._blocked.discard(stream_id)
            self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)

    def receive(self, data: bytes, now: float) -> list[Ended]:
        """Take bytes from the server; the requests that ended by them."""
        if self.state is State.CLOSED:
            return []
        self._heard_at, self._pinged_at = now, None
        self._received += data
        ended: list[Ended] = []
        try:
            # One frame at a time: a bad one must not take the answers before it along.
            for frame in self._frames():
                ended += self._on_frame(frame)
        except ProtocolError:
            ended += self.lost("protocol error")
        return ended

    def on_time(self, now: float) -> None:
        """Ask a silent server whether it is there; one that does not say so gets no more requests.

        What is in flight keeps waiting: a silence of seconds proves nothing about it.
        """
        if now < self.deadline:
            return
        if self._pinged_at is not None:
            self.state = State.DRAINING
            return
        self._pinged_at = now
        self._h2.ping(next(self._pings).to_bytes(8, "big"))

    def lost(self, reason: str) -> list[Ended]:
        """Take note that the transport is gone, or has to go; the requests that ended by it."""
        self.state = State.CLOSED
        return [self._end(stream_id, reason) for stream_id in list(self._streams)]

    def _header_fields(self, request: Request) -> list[Header]:
        return [
            HeaderTuple(b":method", b"POST"),
            HeaderTuple(b":scheme", b"https"),
            HeaderTuple(b":authority", self._authority),
            NeverIndexedHeaderTuple(b":path", request.path),
            *(HeaderTuple(name, value) for name, value in request.fixed),
            *(self._varying(name, value) for name, value in request.varying),
        ]

    def _varying(self, name: bytes, value: bytes) -> Header:
        """The first time, a name has to get into the table, which takes its value along."""
        if name in self._known_names:
            return NeverIndexedHeaderTuple(name, value)
        self._known_names.add(name)
        return HeaderTuple(name, value)

    def _send_body(self, stream_id: int, stream: _Stream) -> None:
        while stream.unsent:
            size = min(
                len(stream.unsent),
                self._h2.local_flow_control_window(stream_id),
                self._h2.max_outbound_frame_size,
            )
            if size <= 0:
                self._blocked.add(stream_id)
                return
            part, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            self._h2.send_data(stream_id, part, end_stream=not stream.unsent)
        self._blocked.discard(stream_id)

    def _frames(self) -> Iterator[bytes]:
        """Cut off the frames that are whole (section 4.1)."""
        while len(self._received) >= _FRAME_HEADER_BYTES:
            size = int.from_bytes(self._received[:3], "big")
            if size > _MAX_FRAME_BYTES:
                raise self._breach(ErrorCodes.FRAME_SIZE_ERROR)
            end = _FRAME_HEADER_BYTES + size
            if len(self._received) < end:
                return
            frame = bytes(self._received[:end])
            del self._received[:end]
            yield frame

    def _on_frame(self, frame: bytes) -> list[Ended]:
        kind, stream_id = frame[3], int.from_bytes(frame[5:9], "big") & _LAST_STREAM
        if kind == _GOAWAY:
            # Not for h2, which takes a connection for closed then: what it sent is still answered.
            return self._on_goaway(frame, stream_id)
        ended: list[Ended] = []
        for event in self._h2.receive_data(frame):
            ended += self._on_event(event)
        return ended

    def _on_goaway(self, frame: bytes, stream_id: int) -> list[Ended]:
        """Section 6.8: what is above its last stream was not processed and never will be."""
        if stream_id != 0 or len(frame) < _FRAME_HEADER_BYTES + 8:
            raise self._breach(ErrorCodes.PROTOCOL_ERROR)
        self.state = State.DRAINING
        last = int.from_bytes(frame[9:13], "big") & _LAST_STREAM
        return [
            self._end(above, "goaway", unsent=True) for above in list(self._streams) if above > last
        ]

    def _breach(self, code: ErrorCodes) -> ProtocolError:
        """Tell the server what is wrong with it, as h2 does of the frames that it sees."""
        self._h2.close_connection(code)
        return ProtocolError(code.name)

    def _on_event(self, event: Event) -> list[Ended]:
        match event:
            case ResponseReceived():
                self._on_headers(event)
            case DataReceived():
                self._on_data(event)
            case StreamEnded():
                return self._on_whole_answer(event.stream_id)
            case StreamReset():
                return self._on_reset(event)
            case RemoteSettingsChanged():
                self._on_settings()
            case WindowUpdated():
                self._unblock()
        return []

    def _on_headers(self, event: ResponseReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
            }
            status = headers.pop(":status", "")
            # Three digits (section 8.3.2); whatever else it is, it is no success.
            stream.status = int(status) if len(status) == 3 and status.isdecimal() else 0
            stream.headers = headers

    def _on_data(self, event: DataReceived) -> None:
        # Without this credit the server falls silent after 64 KiB of bodies (section 5.2).
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.body += event.data[: MAX_ANSWER_BYTES - len(stream.body)]

    def _on_whole_answer(self, stream_id: int) -> list[Ended]:
        stream = self._streams.get(stream_id)
        if stream is None:
            return []
        if stream.unsent:
            # It did not want to hear the rest (section 8.1).
            self._h2.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        return [self._end(stream_id, "no answer")]

    def _on_reset(self, event: StreamReset) -> list[Ended]:
        if event.stream_id not in self._streams:
            return []
        refused = event.remote_reset and event.error_code == ErrorCodes.REFUSED_STREAM
        reason = "stream refused" if refused else "stream reset"
        return [self._end(event.stream_id, reason, unsent=refused)]

    def _on_settings(self) -> None:
        if self.state is State.OPENING:
            self.state = State.OPEN
        self._max_streams = min(self._h2.remote_settings.max_concurrent_streams, MAX_STREAMS)
        self._unblock()

    def _unblock(self) -> None:
        for stream_id in list(self._blocked):
            self._send_body(stream_id, self._streams[stream_id])

    def _end(self, stream_id: int, reason: str, *, unsent: bool = False) -> Ended:
        """End a request: with what the server has said of it, if it has."""
        stream = self._streams.pop(stream_id)
        self._blocked.discard(stream_id)
        answer = stream.answer()
        if answer is None:
            # A request that is not whole cannot have been processed.
            return stream_id, Failure(reason, unsent or bool(stream.unsent))
        self.answered = True
        return stream_id, answer


def _h2_client() -> H2Connection:
    """h2, with its preface ready to be written."""
    # Our own headers are well-formed; looking at each of them again costs as much as sending them.
    h2 = H2Connection(
        H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
    )
    h2.encoder = _PlainEncoder()
    h2.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.MAX_HEADER_LIST_SIZE: H2Connection.DEFAULT_MAX_HEADER_LIST_SIZE,
        },
    )
    h2.initiate_connection()
    return h2
