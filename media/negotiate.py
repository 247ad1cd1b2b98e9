"""What two sides agree on: codecs, telephone-events, directions, and how each is reached."""

from collections.abc import Iterable
from dataclasses import dataclass

from media.engine import Profile
from media.framing import PTIME_MS, frame_ms
from media.sdp import Candidate, Description, MediaSection, reachable_address
from signaling.shared.errors import BadMessage, IncompatibleMedia

MAX_CANDIDATES = 20

PROTOCOLS = {
    Profile.WEBRTC: ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"),
    Profile.RTP: (
        *("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"),
        *("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"),
    ),
}
HASHES = ("sha-256", "sha-384", "sha-512")
# The numbers of telephone-event in our offers, by clock rate (RFC 4733, section 2.1: it is the
# audio's clock rate).
EVENT_TYPES = {48000: 110, 8000: 101}


@dataclass(frozen=True, slots=True)
class Carried:
    """A codec that we carry, as our offers name it."""

    name: str
    clock_rate: int
    payload_type: int
    fmtp: str = ""


# In the order of our offers. G.722 counts its clock at 8 kHz (RFC 3551, section 4.5.2).
CARRIED = {
    "opus/48000/2": Carried("opus/48000/2", 48000, 111, "minptime=10;useinbandfec=1"),
    "PCMU/8000": Carried("PCMU/8000", 8000, 0),
    "PCMA/8000": Carried("PCMA/8000", 8000, 8),
    "G722/8000": Carried("G722/8000", 8000, 9),
}
CODECS = tuple(CARRIED)
_BY_KEY = {name.lower(): carried for name, carried in CARRIED.items()}


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


def carried(description: Description) -> tuple[str, ...]:
    """The codecs of an offer that we carry, in its order; IncompatibleMedia for none."""
    section = find_audio(description, *Profile)
    names = _common(section)
    if not names:
        raise IncompatibleMedia(f"the offer has none of the codecs we carry: {words(CODECS)}")
    return tuple(names)


def find_audio(description: Description, *profiles: Profile) -> MediaSection:
    """The first audio section of one of the profiles; IncompatibleMedia says why there is none."""
    audio = [section for section in description.media if section.kind == "audio"]
    open_audio = [section for section in audio if not section.rejected]
    if not open_audio:
        raise IncompatibleMedia("the audio is refused" if audio else "there is no audio")
    protocols = [protocol for profile in profiles for protocol in PROTOCOLS[profile]]
    for section in open_audio:
        if section.protocol in protocols:
            return section
    offered = words(section.protocol for section in open_audio)
    raise IncompatibleMedia(f"the audio is {offered}; this leg carries {words(protocols)}")


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
        raise IncompatibleMedia(f"the offer has none of the codecs we carry: {words(CODECS)}")
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
    ours = EVENT_TYPES[rate] if event is not None else None
    heard = [common[name], CARRIED[name].payload_type]
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
    section = transport_of(description, audio)
    if not audio.rtcp_mux:
        raise IncompatibleMedia("the audio keeps RTCP on a port of its own, without rtcp-mux")
    ufrag, password = section.inherited("ice-ufrag") or "", section.inherited("ice-pwd") or ""
    if not (_is_ice_text(ufrag, 4) and _is_ice_text(password, 22)):
        raise BadMessage("the ice-ufrag or ice-pwd is missing or malformed")
    fingerprints = tuple(pair for pair in section.fingerprints if pair[0] in HASHES)
    if not fingerprints:
        raise IncompatibleMedia(f"there is no fingerprint by {words(HASHES)}: media without DTLS")
    return WebrtcRemote(
        ufrag=ufrag,
        password=password,
        ice_lite=description.ice_lite,
        fingerprints=fingerprints,
        dtls_client=section.inherited("setup") == "active",
        candidates=tuple(section.candidates[:MAX_CANDIDATES]),
    )


def direction_of(section: MediaSection) -> str:
    """What the peer does: the old way of holding, an address of zeros, is one (RFC 3264, 8.4)."""
    # A browser that trickles writes the same address and means nothing by it.
    browser = section.protocol in PROTOCOLS[Profile.WEBRTC] and section.inherited("ice-ufrag")
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
    direction = direction_of(section)
    noise = _number_of(section, "cn/8000") if takes_noise else None
    return Agreement(
        codec=name,
        clock_rate=CARRIED[name].clock_rate,
        payload_type=heard[0],
        event_type=event[0],
        heard=frozenset(heard),
        heard_events=frozenset(kind for kind in heard_events if kind is not None),
        peer_listens=direction in ("sendrecv", "recvonly"),
        # A peer that holds (sendonly) may play music, and may as well send nothing at all.
        peer_talks=direction == "sendrecv",
        event_rate=event[1],
        noise_type=noise if CARRIED[name].clock_rate == 8000 else None,
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
    for rate in (CARRIED[name].clock_rate, 8000):
        number = _number_of(section, f"telephone-event/{rate}")
        if number is not None:
            return number, rate
    return None, CARRIED[name].clock_rate


def transport_of(description: Description, audio: MediaSection) -> MediaSection:
    """The section that holds the transport's lines; a bundle-only one has none (RFC 9143, 7)."""
    if audio.port != 0:
        return audio
    tagged = description.bundle(audio.mid)[:1]
    owners = (section for section in description.media if section.mid in tagged)
    return next(owners, audio)


def _is_ice_text(text: str, least: int) -> bool:
    plain = text.replace("+", "").replace("/", "")
    return least <= len(text) <= 256 and text.isascii() and (plain.isalnum() or not plain)


def words(items: Iterable[object], separator: str = ", ") -> str:
    return separator.join(map(str, items))
