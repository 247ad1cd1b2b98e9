"""The media seam: what signalling asks of a media engine, in words that every engine can fill."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol

from media.settings import Counts


class Profile(Enum):
    """How a leg's media travels."""

    WEBRTC = "webrtc"
    """ICE, DTLS-SRTP, RTP and RTCP on one port (RFC 8829)."""
    RTP = "rtp"
    """RTP with RTCP on the next port (RFC 3550), secure as `Security` says."""


class Security(StrEnum):
    """What an RTP leg does for the secrecy of its sound; WebRTC legs are always secure."""

    NONE = "none"
    """Plain RTP only: an offer of RTP/SAVP is refused, keys beside RTP/AVP are passed over."""
    OPTIONAL = "optional"
    """Our offers are RTP/AVP with keys beside it (RFC 8643); our answers are as the offer is."""
    REQUIRED = "required"
    """Our offers are RTP/SAVP; IncompatibleMedia for a peer without SRTP."""
    DTLS = "dtls"
    """As REQUIRED, and keys are agreed on by DTLS only: whoever sees the signalling has none."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Media of the leg can flow: ICE and DTLS are up, or the first RTP packet came."""

    leg: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Neither RTP nor RTCP came from a joined leg for `seconds`."""

    leg: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The leg's transport is dead; `detail` says why in plain words."""

    leg: str
    detail: str


@dataclass(frozen=True, slots=True)
class Digit:
    """One telephone-event was received whole from the leg (RFC 4733)."""

    leg: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """The peer of an RTP leg listens no more, by its description, or does again: `held`."""

    leg: str
    held: bool


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """The recording that the leg is in ended by itself, and its call goes on; `detail` says why."""

    leg: str
    detail: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The process that carried the leg is dead, and the leg with it; a call may open it anew."""

    leg: str


MediaEvent = Connected | Silent | Failed | Digit | Held | Unrecorded | Gone

SILENCE = "silence"
"""What `play` plays when the peer is to hear nothing."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A stream's packets since the leg was opened; None is what its receiver has not told.

    `jitter_ms` is the newest; `mos`, from 1 to 4.4, judges the whole stream by its losses. `late`
    are packets that came after one that was sent after them.
    """

    packets: int
    lost: int | None
    jitter_ms: float | None
    mos: float | None
    late: int | None = None

    def __str__(self) -> str:
        if self.lost is None:
            return f"{self.packets} packets"
        late = f", {self.late} late" if self.late else ""
        told = f"{self.packets} packets, {self.lost} lost{late}, jitter {self.jitter_ms} ms"
        return told if self.mos is None else f"{told}, mos {self.mos}"


@dataclass(frozen=True, slots=True)
class Figures:
    """How a leg's sound travels, `received` from the peer and `sent` to it.

    `sent` is what the peer reports: its losses are those of the whole way from the other leg's
    peer. `codec` is empty until one is agreed; `dropped` are packets that were not passed on.
    """

    codec: str
    received: Direction
    sent: Direction
    round_trip_ms: float | None
    dropped: int

    def __str__(self) -> str:
        trip = "unknown" if self.round_trip_ms is None else f"{self.round_trip_ms} ms"
        return (
            f"{self.codec or 'no codec'}, received {self.received}; sent {self.sent}; "
            f"round trip {trip}"
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording came to; `size` is of its plain bytes."""

    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """One trickled candidate, as a browser's RTCIceCandidate prints it."""

    candidate: str
    sdp_mid: str | None
    sdp_m_line_index: int | None


class MediaEngine(Protocol):
    """An engine carries legs and joins them two by two.

    A leg's id is the caller's choice and unique; a new media generation of the same party is a
    leg of its own. Codecs are named as in SDP, `opus/48000/2`, `PCMU/8000`. Each method raises
    MediaError when the engine itself fails, IncompatibleMedia and BadMessage for the peer's SDP.
    """

    def codecs(self, offer: str) -> tuple[str, ...]:
        """What we carry of an offer, in its order; IncompatibleMedia when that is nothing."""

    async def open(
        self,
        call: str,
        leg: str,
        profile: Profile,
        *,
        offer: str | None = None,
        codecs: tuple[str, ...] = (),
        peer: str | None = None,
        security: Security = Security.NONE,
        recorded: bool = False,
    ) -> str:
        """Open a leg; returns our SDP: an answer to `offer`, or an offer when there is none.

        `codecs` are those that need no transcoding: an offer names them first, then all others
        that we carry; an answer names one of them if it can, exactly one, and telephone-event.
        `peer` is the host that signals for the leg. `security` is for RTP legs, and holds for the
        leg's whole life. `recorded`: it is to be recorded, which an RTP leg is told by this
        description already. TryAgain, where the leg would have to be transcoded and there is no
        room for another.
        """

    async def accept(self, leg: str, answer: str) -> str:
        """Take the answer to the offer that `open` made; returns the codec agreed on.

        Of several that it names, one that needs no transcoding. TryAgain as in `open`.
        An RTP leg may be answered again, early and then finally; a WebRTC leg only once.
        """

    async def update(self, leg: str, offer: str) -> str:
        """Take a new offer of an RTP leg's peer: held or not, or elsewhere; returns our answer.

        The codec stays what was agreed if it is offered, else it changes. TryAgain, and nothing
        changes, where that would need transcoding and there is no room.
        """

    async def reoffer(self, leg: str, *, talks: bool, listens: bool) -> str:
        """Make a new offer to an RTP leg's peer, of the codec agreed on; `accept` takes its answer.

        We send where `talks`, and want to be sent where `listens`; our answers to `update` say no
        more than this from now on. The media goes on as agreed until the answer, or without one.
        """

    async def candidates(self, leg: str, candidates: list[IceCandidate]) -> None:
        """Take trickled candidates; those that cannot be reached, or come late, are passed over."""

    async def join(self, leg: str, other: str) -> None:
        """Bridge two legs, from codec to codec if need be; each leaves the leg it was joined to.

        TryAgain, and nothing changes, where that needs transcoding and there is no room.
        """

    async def play(self, leg: str, source: str | None) -> None:
        """Let the leg's peer hear a file, over and over, or SILENCE, in place of the joined leg.

        It stays so whatever leg is joined, until None ends it; before the first join it is begun,
        too. A joined leg whose peer only sends, by its description, is heard instead of a file
        while it does: its own music. Neither side of a leg that is played to is ever Silent.
        """

    async def dtmf(self, leg: str, digits: str, duration_ms: int) -> None:
        """Send digits to the leg as telephone-events, in order, after those still being sent.

        WrongState before its media is connected, IncompatibleMedia if the peer takes no events.
        """

    async def record(self, recording: str, left: str, right: str, path: str, key: bytes) -> None:
        """Record what two joined legs say, in stereo Ogg/Opus, until it is stopped.

        It goes to a new file at `path`, as `signaling.shared.sealed_file` seals it under `key`:
        32 bytes that serve nothing else. A recording that runs already goes on with these legs,
        which belong to later media generations, say. What the other side is not let hear, on
        hold, is not recorded, nor are digits. Peers of RTP legs hear a short tone at the
        beginning and from time to time, and our descriptions tell them (RFC 7866). TryAgain where
        there is no room for it, MediaError when the file cannot be made.
        """

    async def stop_recording(self, recording: str) -> Recorded | None:
        """End a recording, and its file; returns what is in it.

        None for a recording that is unknown, or whose file could not be given its end: it is
        readable once it is mended.
        """

    async def query(self, leg: str) -> Figures:
        """The leg's figures so far."""

    async def close(self, leg: str) -> None:
        """End a leg and free what it holds; an unknown leg is no error."""

    def listen(self, sink: Callable[[MediaEvent], None]) -> None:
        """Have every event of every leg given to `sink`, called on the event loop."""


class OwnEngine(MediaEngine, Protocol):
    """An engine that we run ourselves."""

    def counts(self) -> Counts:
        """What it holds right now."""

    async def aclose(self) -> None:
        """Close all legs, and end what carries them."""
