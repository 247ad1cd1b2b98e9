"""The client protocol's words: params, results and events of `wsphone.v1`, as typed structs."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from signaling.shared.bounds import DeviceId, Digits, Line, Media, Sdp, Seq, Short
from signaling.shared.device_messages import DevicesListed, PushInfo, PushSet

SUBPROTOCOL = "wsphone.v1"
MAX_MESSAGE = 65_536
MAX_CANDIDATES = 20
VERSION = 1


class Envelope(Struct):
    """A JSON-RPC 2.0 request, or a notification when it has no id."""

    jsonrpc: Literal["2.0"]
    method: Short
    id: Annotated[int, Meta(ge=-(2**53), le=2**53)] | Short | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


# --- what clients ask ------------------------------------------------------------------------


class DeviceInfo(Struct):
    id: DeviceId
    platform: Literal["web", "ios", "android", "desktop", "other"] = "other"
    model: Short = ""
    os_version: Short = ""
    app_version: Short = ""
    app_state: Literal["foreground", "background"] = "foreground"


class Resume(Struct):
    session: UUID
    epoch: Short
    seq: Seq


class SessionOpen(Struct):
    token: Annotated[str, Meta(max_length=4096)]
    device: DeviceInfo
    resume: Resume | None = None
    woken_by: UUID | None = None


class SessionPing(Struct):
    seq: Seq = 0


class SessionState(Struct):
    app_state: Literal["foreground", "background"]


class SessionClose(Struct):
    pass


class CallStart(Struct):
    call: UUID
    to: Line
    media: Media
    offer: Sdp


class CallRef(Struct):
    """The params of the methods that need nothing but the call, such as `call.hold`."""

    call: UUID


class CallAnswer(Struct):
    call: UUID
    media: Media
    answer: Sdp


class CallReject(Struct):
    call: UUID
    reason: Literal["declined", "busy"] = "declined"


class CallRecord(Struct):
    call: UUID
    on: bool


class CallDtmf(Struct):
    call: UUID
    n: Annotated[int, Meta(ge=0, le=1_000_000)]
    digits: Digits
    duration_ms: Annotated[int, Meta(ge=40, le=2_000)] = 120


class MediaOffer(Struct):
    call: UUID
    media: Media
    offer: Sdp


class MediaAnswer(Struct):
    call: UUID
    media: Media
    answer: Sdp


class Candidate(Struct, rename="camel"):
    """A browser's RTCIceCandidate as its `toJSON` prints it."""

    candidate: Annotated[str, Meta(max_length=512)]
    sdp_mid: Short | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=64)] | None = None


class MediaCandidates(Struct):
    call: UUID
    media: Media
    candidates: Annotated[list[Candidate], Meta(max_length=MAX_CANDIDATES)]
    end: bool = False


class DirectoryList(Struct):
    pass


class MediaState(Struct):
    call: UUID
    media: Media
    state: Literal["connected", "failed"]


# --- what we answer --------------------------------------------------------------------------


class Done(Struct):
    """The result of a request that has nothing to tell."""


class AccountInfo(Struct):
    id: str
    name: str
    address: str
    display_name: str


class CallInfo(Struct):
    """One call as its participant sees it, in `session.open` and `call.get`."""

    call: str
    state: str
    role: Literal["caller", "callee"]
    peer: str
    media: int
    seconds: float = 0.0
    reason: str | None = None
    code: int | None = None
    by: str | None = None
    held_by: list[str] = []
    recording: bool = False


class ServerInfo(Struct):
    """What the server can do, and cannot.

    `features` has "push" where it wakes devices, and "record" where it records on request.
    `emergency_numbers` are those that it cannot reach: a client says so before it calls. `push` is
    null where it wakes nobody.
    """

    version: str
    features: list[str]
    limits: dict[str, int]
    emergency_numbers: list[str]
    push: PushInfo | None


class IceServer(Struct, omit_defaults=True):
    """As a browser's RTCIceServer; the credentials of a TURN server, which are for a time."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class SessionOpened(Struct):
    session: str
    epoch: str
    seq: int
    resumed: bool
    server: ServerInfo
    server_time: float
    account: AccountInfo
    ping_seconds: float
    resume_seconds: float
    ice_servers: list[IceServer]
    calls: list[CallInfo]


class Pong(Struct):
    server_time: float


class CallStarted(Struct):
    call: str
    state: str


class CallAccepted(Struct):
    media: int
    offer: str
    candidates: list[Candidate]


class OfferAnswered(Struct):
    answer: str


class Person(Struct):
    """Somebody of the domain; `reachable` when a call would ring somewhere now."""

    name: str
    address: str
    display_name: str
    reachable: bool


class PeopleListed(Struct):
    """The first of the domain's people by name; `more` when there are others."""

    people: list[Person]
    more: bool


Result = (
    Done
    | SessionOpened
    | Pong
    | CallStarted
    | CallAccepted
    | OfferAnswered
    | CallInfo
    | PeopleListed
    | PushSet
    | DevicesListed
)

# --- what we tell ----------------------------------------------------------------------------


class Party(Struct):
    address: str
    name: str


class CallIncoming(Struct):
    method: ClassVar[str] = "call.incoming"
    call: str
    from_: Party = msgspec.field(name="from")
    to: str
    media: int
    offer: str
    expires_at: float
    ring_seconds: float


class CallProgress(Struct, omit_defaults=True):
    method: ClassVar[str] = "call.progress"
    call: str
    state: Literal["trying", "waking", "ringing", "early"]
    media: int | None = None
    answer: str | None = None


class CallAnswered(Struct):
    method: ClassVar[str] = "call.answered"
    call: str
    media: int
    answer: str | None


class MediaOffered(Struct):
    method: ClassVar[str] = "media.offer"
    call: str
    media: int
    offer: str


class CandidatesGiven(Struct):
    method: ClassVar[str] = "media.candidates"
    call: str
    media: int
    candidates: list[Candidate]
    end: bool


class DtmfReceived(Struct):
    method: ClassVar[str] = "call.dtmf"
    call: str
    digits: str


class CallHeld(Struct):
    """The other side holds the call, or has come back."""

    method: ClassVar[str] = "call.held"
    call: str
    held: bool
    by: str


class CallRecording(Struct):
    """The call is recorded from now on, or not any more."""

    method: ClassVar[str] = "call.recording"
    call: str
    on: bool


class StreamFigures(Struct):
    """One direction of a call since it began; null is what its receiver has not told yet.

    `mos` is the opinion score, from 1 to 4.4; `late` came after what was sent after it.
    """

    packets: int
    lost: int | None
    jitter_ms: float | None
    round_trip_ms: float | None
    mos: float | None
    codec: str
    late: int | None = None


class CallFigures(Struct):
    """How the client's own sound reaches the server, and what the client receives."""

    method: ClassVar[str] = "call.figures"
    call: str
    sent: StreamFigures
    received: StreamFigures


class IceServersRenewed(Struct):
    """What to make connections with from now on; good for `seconds`, and renewed before."""

    method: ClassVar[str] = "session.ice_servers"
    ice_servers: list[IceServer]
    seconds: float


class CallEnded(Struct):
    method: ClassVar[str] = "call.ended"
    call: str
    reason: str
    code: int
    by: str
    seconds: float


Event = (
    CallIncoming
    | CallProgress
    | CallAnswered
    | MediaOffered
    | CandidatesGiven
    | DtmfReceived
    | CallHeld
    | CallRecording
    | CallEnded
)

# True only now: sent without a number to whoever has a socket, and never again.
Fleeting = CallFigures | IceServersRenewed

# --- how a socket is closed ------------------------------------------------------------------

CLOSE_RESTART = 1012
CLOSE_BAD_MESSAGE = 4400
CLOSE_LOG_IN = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TOO_SLOW = 4408
CLOSE_RESUMED_ELSEWHERE = 4409
CLOSE_FELL_BEHIND = 4429
