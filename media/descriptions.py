"""Our side in words: the offers and answers that we write."""

from collections.abc import Iterable
from dataclasses import dataclass

from media.engine import Profile
from media.framing import PTIME_MS
from media.negotiate import (
    CARRIED,
    CODECS,
    EVENT_TYPES,
    PROTOCOLS,
    Agreement,
    Carried,
    direction_of,
    find_audio,
    transport_of,
    words,
)
from media.sdp import Candidate, Description, MediaSection, Section
from signaling.shared.errors import IncompatibleMedia

_MIRRORED = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_EVENT_PARAMETERS = "0-15"
# RFC 3389, section 4: also beside G.722, whose clock is said to be of 8000 Hz.
_NOISE, _NOISE_TYPE = "CN/8000", 13


@dataclass(frozen=True, slots=True)
class RtpLocal:
    """Our end of RTP; RTCP is on the next port. `setup` is our DTLS role in an answer."""

    address: str
    port: int
    protocol: str = "RTP/AVP"
    cryptos: tuple[str, ...] = ()
    fingerprint: str | None = None
    setup: str = "passive"


@dataclass(frozen=True, slots=True)
class WebrtcLocal:
    """Our end of a WebRTC transport; `fingerprint` is of the hash sha-256."""

    ufrag: str
    password: str
    fingerprint: str
    candidates: tuple[Candidate, ...]


Local = RtpLocal | WebrtcLocal


def make_offer(
    local: Local, preferred: tuple[str, ...], *, session_id: int, noise: bool = True
) -> str:
    """Our offer of all that we carry: `preferred` first, and opus before all others of those.

    `noise`: comfort noise is offered where it may be needed.
    """
    unknown = [name for name in preferred if name not in CARRIED]
    if unknown:
        raise IncompatibleMedia(f"we do not carry {words(unknown)}")
    first = sorted(preferred, key=lambda name: name != CODECS[0])
    names = dict.fromkeys([*first, *CODECS])
    formats = [(codec.payload_type, codec) for codec in map(CARRIED.__getitem__, names)]
    rates = dict.fromkeys(codec.clock_rate for _, codec in formats)
    others = [(EVENT_TYPES[rate], f"telephone-event/{rate}") for rate in rates]
    # Between equal codecs nobody could make the noise for a side that does not take it.
    if noise and first and not any(CARRIED[name].clock_rate == 8000 for name in first):
        others.append((_NOISE_TYPE, _NOISE))
    webrtc = isinstance(local, WebrtcLocal)
    protocol = local.protocol if isinstance(local, RtpLocal) else PROTOCOLS[Profile.WEBRTC][0]
    numbers = [number for number, _ in formats] + [number for number, _ in others]
    lines = [f"m=audio {_port(local)} {protocol} {words(numbers, ' ')}"]
    lines += _transport(local, setup="actpass", mid="0" if webrtc else None, mux=webrtc)
    lines += _codec_lines(formats, others) + ["a=sendrecv"]
    return _description(local, ["0"] if webrtc else [], [lines], session_id)


def make_answer(
    offer: Description,
    agreement: Agreement,
    local: Local,
    *,
    session_id: int,
    version: int = 1,
) -> str:
    """Our answer: one codec and telephone-event; every other section of the offer is refused."""
    webrtc = isinstance(local, WebrtcLocal)
    audio = find_audio(offer, Profile.WEBRTC if webrtc else Profile.RTP)
    others = []
    if agreement.event_type is not None:
        others.append((agreement.event_type, f"telephone-event/{agreement.event_rate}"))
    if agreement.noise_type is not None:
        others.append((agreement.noise_type, _NOISE))
    numbers = [agreement.payload_type] + [number for number, _ in others]
    lines = [f"m=audio {_port(local)} {audio.protocol} {words(numbers, ' ')}"]
    setup = local.setup if isinstance(local, RtpLocal) else "active"
    if webrtc and transport_of(offer, audio).inherited("setup") == "active":
        setup = "passive"
    lines += _transport(local, setup=setup, mid=audio.mid, mux=audio.rtcp_mux)
    lines += _codec_lines([(agreement.payload_type, CARRIED[agreement.codec])], others)
    lines.append("a=" + _MIRRORED[direction_of(audio)])
    sections = [lines if section is audio else _refusal(section) for section in offer.media]
    bundled = [audio.mid] if audio.mid is not None and offer.bundle(audio.mid) else []
    return _description(local, bundled, sections, session_id, version)


def _port(local: Local) -> int:
    if isinstance(local, RtpLocal):
        return local.port
    return local.candidates[0].port


def _connection(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _transport(local: Local, *, setup: str, mid: str | None, mux: bool) -> list[str]:
    """The lines of a section about how its media travels, from c= on."""
    lines = [f"a=mid:{mid}"] if mid is not None else []
    if mux:
        lines.append("a=rtcp-mux")
    if isinstance(local, RtpLocal):
        lines += [f"a=crypto:{crypto}" for crypto in local.cryptos]
        if local.fingerprint is not None:
            lines += [f"a=fingerprint:sha-256 {local.fingerprint}", f"a=setup:{setup}"]
        return [f"c={_connection(local.address)}", *lines]
    return [
        f"c={_connection(local.candidates[0].address)}",
        *lines,
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{setup}",
        *(f"a=candidate:{candidate}" for candidate in local.candidates),
        "a=end-of-candidates",
        "a=msid:wsphone audio",
    ]


def _codec_lines(
    formats: Iterable[tuple[int, Carried]], others: Iterable[tuple[int, str]]
) -> list[str]:
    lines = []
    for number, codec in formats:
        lines.append(f"a=rtpmap:{number} {codec.name}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{number} {codec.fmtp}")
    for number, name in others:
        lines.append(f"a=rtpmap:{number} {name}")
        if name != _NOISE:
            lines.append(f"a=fmtp:{number} {_EVENT_PARAMETERS}")
    return [*lines, f"a=ptime:{PTIME_MS}"]


def _refusal(section: MediaSection) -> list[str]:
    lines = [f"m={section.kind} 0 {section.protocol} {words(section.formats, ' ')}"]
    lines.append("c=IN IP4 0.0.0.0")
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    return [*lines, "a=inactive"]


def _description(
    local: Local,
    bundled: list[str],
    sections: list[list[str]],
    session_id: int,
    version: int = 1,
) -> str:
    address = local.address if isinstance(local, RtpLocal) else local.candidates[0].address
    head = ["v=0", f"o=- {session_id} {version} {_connection(address)}", "s=-", "t=0 0"]
    if bundled:
        head.append("a=group:BUNDLE " + " ".join(bundled))
    parts = [Section(head), *map(Section, sections)]
    return "".join(line + "\r\n" for part in parts for line in part.lines)
