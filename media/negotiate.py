"""What two sides agree on: codecs, telephone-events, directions, and our descriptions of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from media.engine import Profile
from media.framing import PTIME_MS, frame_ms
from media.sdp import Candidate, Description, MediaSection, Section, reachable_address
from signaling.shared.errors import BadMessage, IncompatibleMedia

MAX_CANDIDATES = 20

_PROTOCOLS = {
    Profile.WEBRTC: ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"),
    Profile.RTP: (
        *("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"),
        *("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"),
    ),
}
HASHES = ("sha-256", "sha-384", "sha-512")
_MIRRORED = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_EVENT_PARAMETERS = "0-15"
# The numbers of telephone-event in our offers, by clock rate (RFC 4733, section 2.1: it is the
# audio's clock rate).
_EVENT_TYPES = {48000: 110, 8000: 101}
# RFC 3389, section 4: also beside G.722, whose clock is said to be of 8000 Hz.
_NOISE, _NOISE_TYPE = "CN/8000", 13


@dataclass(frozen=True, slots=True)
class _Carried:
    name: str
    clock_rate: int
    payload_type: int
    fmtp: str = ""


# In the order of our offers. G.722 counts its clock at 8 kHz (RFC 3551, section 4.5.2).
_CARRIED = {
    "opus/48000/2": _Carried("opus/48000/2", 48000, 111, "minptime=10;useinbandfec=1"),
    "PCMU/8000": _Carried("PCMU/8000", 8000, 0),
    "PCMA/8000": _Carried("PCMA/8000", 8000, 8),
    "G722/8000": _Carried("G722/8000", 8000, 9),
}
CODECS = tuple(_CARRIED)
_BY_KEY = {name.lower(): carried for name, carried in _CARRIED.items()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one leg speaks: the numbers we send with, and those we hear its peer with."""

    codec: str
    clock_rate: int
    payload_type: int
    event_type: int | None
    heard: frozenset[int]
    heard_events: frozenset[int]
    peer_listens: bool
    peer_talks: bool
    event_rate: int = 8000
    """In which the peer counts the durations of events; not always the audio's clock rate."""
    noise_type: int | None = None
    """The number of comfort noise (RFC 3389), where the peer takes it."""
    ptime_ms: int = PTIME_MS
    """How much sound the peer wants in a packet, of the lengths that we make."""
    wants_pauses: bool = False
    """Whether the peer asked not to be sent its silence (RFC 7587, section 6.1: usedtx)."""
    peer_only_sends: bool = False
    """It holds us, and may play music of its own."""


@dataclass(frozen=True, slots=True)
class RtpRemote:
    """Where a peer of plain RTP wants its media; no host when it named none that is an address."""

    host: str | None
    port: int
    rtcp_port: int
    rtcp_mux: bool


@dataclass(frozen=True, slots=True)
class WebrtcRemote:
    """How a WebRTC peer is reached and known; `dtls_client`: it begins the DTLS handshake."""

    ufrag: str
    password: str
    ice_lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    dtls_client: bool
    candidates: tuple[Candidate, ...]


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


def carried(description: Description) -> tuple[str, ...]:
    """The codecs of an offer that we carry, in its order; IncompatibleMedia for none."""
    section = find_audio(description, *Profile)
    names = _common(section)
    if not names:
        raise IncompatibleMedia(f"the offer has none of the codecs we carry: {_words(CODECS)}")
    return tuple(names)


def find_audio(description: Description, *profiles: Profile) -> MediaSection:
    """The first audio section of one of the profiles; IncompatibleMedia says why there is none."""
    audio = [section for section in description.media if section.kind == "audio"]
    open_audio = [section for section in audio if not section.rejected]
    if not open_audio:
        raise IncompatibleMedia("the audio is refused" if audio else "there is no audio")
    protocols = [protocol for profile in profiles for protocol in _PROTOCOLS[profile]]
    for section in open_audio:
        if section.protocol in protocols:
            return section
    offered = _words(section.protocol for section in open_audio)
    raise IncompatibleMedia(f"the audio is {offered}; this leg carries {_words(protocols)}")


def agree(
    description: Description,
    profile: Profile,
    preferred: tuple[str, ...] = (),
    *,
    current: str | None = None,
) -> Agreement:
    """Choose one codec of an offer: `current`, else opus before the first of those `preferred`.

    Without any of those the offer's own opus, or its first, has to be transcoded.
    """
    section = find_audio(description, profile)
    common = _common(section)
    if not common:
        raise IncompatibleMedia(f"the offer has none of the codecs we carry: {_words(CODECS)}")
    names = [name for name in common if name in preferred] or list(common)
    name = CODECS[0] if CODECS[0] in names else names[0]
    if current in common:
        name = current
    event, rate = _event(section, name)
    transcoded = bool(preferred) and name not in preferred
    return _agreement(section, name, [common[name]], (event, rate), [event], takes_noise=transcoded)


def read_answer(
    description: Description, profile: Profile, preferred: tuple[str, ...] = ()
) -> Agreement:
    """What an answer to our offer agrees on: the first of `preferred`, else simply its first.

    The numbers may differ each way (RFC 3264, section 5.1): we send with the answer's, and hear
    our own as well as the answer's, since peers do both.
    """
    section = find_audio(description, profile)
    common = _common(section)
    if not common:
        raise IncompatibleMedia("the answer names no codec of our offer")
    name = next((name for name in common if name in preferred), next(iter(common)))
    event, rate = _event(section, name)
    ours = _EVENT_TYPES[rate] if event is not None else None
    heard = [common[name], _CARRIED[name].payload_type]
    noisy = bool(preferred) and name not in preferred
    return _agreement(section, name, heard, (event, rate), [ours, event], takes_noise=noisy)


def rtp_remote(description: Description) -> RtpRemote:
    """Where the peer of an RTP leg wants its media."""
    section = find_audio(description, Profile.RTP)
    host = reachable_address(section.host or "")
    return RtpRemote(host, section.port, section.rtcp_port, section.rtcp_mux)


def webrtc_remote(description: Description) -> WebrtcRemote:
    """How the peer of a WebRTC leg is reached; IncompatibleMedia for what we cannot join."""
    audio = find_audio(description, Profile.WEBRTC)
    section = _transport_of(description, audio)
    if not audio.rtcp_mux:
        raise IncompatibleMedia("the audio keeps RTCP on a port of its own, without rtcp-mux")
    ufrag, password = section.inherited("ice-ufrag") or "", section.inherited("ice-pwd") or ""
    if not (_is_ice_text(ufrag, 4) and _is_ice_text(password, 22)):
        raise BadMessage("the ice-ufrag or ice-pwd is missing or malformed")
    fingerprints = tuple(pair for pair in section.fingerprints if pair[0] in HASHES)
    if not fingerprints:
        raise IncompatibleMedia(f"there is no fingerprint by {_words(HASHES)}: media without DTLS")
    return WebrtcRemote(
        ufrag=ufrag,
        password=password,
        ice_lite=description.ice_lite,
        fingerprints=fingerprints,
        dtls_client=section.inherited("setup") == "active",
        candidates=tuple(section.candidates[:MAX_CANDIDATES]),
    )


def make_offer(
    local: Local, preferred: tuple[str, ...], *, session_id: int, noise: bool = True
) -> str:
    """Our offer of all that we carry: `preferred` first, and opus before all others of those.

    `noise`: comfort noise is offered where it may be needed.
    """
    unknown = [name for name in preferred if name not in _CARRIED]
    if unknown:
        raise IncompatibleMedia(f"we do not carry {_words(unknown)}")
    first = sorted(preferred, key=lambda name: name != CODECS[0])
    names = dict.fromkeys([*first, *CODECS])
    formats = [(codec.payload_type, codec) for codec in map(_CARRIED.__getitem__, names)]
    rates = dict.fromkeys(codec.clock_rate for _, codec in formats)
    others = [(_EVENT_TYPES[rate], f"telephone-event/{rate}") for rate in rates]
    # Between equal codecs nobody could make the noise for a side that does not take it.
    if noise and first and not any(_CARRIED[name].clock_rate == 8000 for name in first):
        others.append((_NOISE_TYPE, _NOISE))
    webrtc = isinstance(local, WebrtcLocal)
    protocol = local.protocol if isinstance(local, RtpLocal) else _PROTOCOLS[Profile.WEBRTC][0]
    numbers = [number for number, _ in formats] + [number for number, _ in others]
    lines = [f"m=audio {_port(local)} {protocol} {_words(numbers, ' ')}"]
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
    lines = [f"m=audio {_port(local)} {audio.protocol} {_words(numbers, ' ')}"]
    setup = local.setup if isinstance(local, RtpLocal) else "active"
    if webrtc and _transport_of(offer, audio).inherited("setup") == "active":
        setup = "passive"
    lines += _transport(local, setup=setup, mid=audio.mid, mux=audio.rtcp_mux)
    lines += _codec_lines([(agreement.payload_type, _CARRIED[agreement.codec])], others)
    lines.append("a=" + _MIRRORED[_direction(audio)])
    sections = [lines if section is audio else _refusal(section) for section in offer.media]
    bundled = [audio.mid] if audio.mid is not None and offer.bundle(audio.mid) else []
    return _description(local, bundled, sections, session_id, version)


def _direction(section: MediaSection) -> str:
    """What the peer does: the old way of holding, an address of zeros, is one (RFC 3264, 8.4)."""
    # A browser that trickles writes the same address and means nothing by it.
    browser = section.protocol in _PROTOCOLS[Profile.WEBRTC] and section.inherited("ice-ufrag")
    if browser or section.host not in ("0.0.0.0", "::"):
        return section.direction
    return "sendonly" if section.direction == "sendrecv" else "inactive"


def _agreement(
    section: MediaSection,
    name: str,
    heard: list[int],
    event: tuple[int | None, int],
    heard_events: Iterable[int | None],
    *,
    takes_noise: bool,
) -> Agreement:
    """The agreement on a codec; we send with the first of `heard`, and with `event` of a rate."""
    direction = _direction(section)
    noise = _number_of(section, "cn/8000") if takes_noise else None
    return Agreement(
        codec=name,
        clock_rate=_CARRIED[name].clock_rate,
        payload_type=heard[0],
        event_type=event[0],
        heard=frozenset(heard),
        heard_events=frozenset(kind for kind in heard_events if kind is not None),
        peer_listens=direction in ("sendrecv", "recvonly"),
        # A peer that holds (sendonly) may play music, and may as well send nothing at all.
        peer_talks=direction == "sendrecv",
        event_rate=event[1],
        noise_type=noise if _CARRIED[name].clock_rate == 8000 else None,
        ptime_ms=frame_ms(name, section.ptime_ms, section.max_ptime_ms),
        wants_pauses=any("usedtx=1" in codec.fmtp for codec in section.codecs()),
        peer_only_sends=direction == "sendonly",
    )


def _common(section: MediaSection) -> dict[str, int]:
    """Our names of the section's codecs that we carry, with the section's first number each."""
    found: dict[str, int] = {}
    for codec in section.codecs():
        known = _BY_KEY.get(codec.key)
        if known is not None:
            found.setdefault(known.name, codec.payload_type)
    return found


def _number_of(section: MediaSection, key: str) -> int | None:
    return next((codec.payload_type for codec in section.codecs() if codec.key == key), None)


def _event(section: MediaSection, name: str) -> tuple[int | None, int]:
    """The number and rate of telephone-event: of the codec's rate, or of 8000 as some peers do."""
    for rate in (_CARRIED[name].clock_rate, 8000):
        number = _number_of(section, f"telephone-event/{rate}")
        if number is not None:
            return number, rate
    return None, _CARRIED[name].clock_rate


def _transport_of(description: Description, audio: MediaSection) -> MediaSection:
    """The section that holds the transport's lines; a bundle-only one has none (RFC 9143, 7)."""
    if audio.port != 0:
        return audio
    tagged = description.bundle(audio.mid)[:1]
    owners = (section for section in description.media if section.mid in tagged)
    return next(owners, audio)


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
    formats: Iterable[tuple[int, _Carried]], others: Iterable[tuple[int, str]]
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
    lines = [f"m={section.kind} 0 {section.protocol} {_words(section.formats, ' ')}"]
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


def _is_ice_text(text: str, least: int) -> bool:
    plain = text.replace("+", "").replace("/", "")
    return least <= len(text) <= 256 and text.isascii() and (plain.isalnum() or not plain)


def _words(items: Iterable[object], separator: str = ", ") -> str:
    return separator.join(map(str, items))
