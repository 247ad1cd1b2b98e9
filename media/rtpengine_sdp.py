"""What rtpengine is told of a leg's two sides, and what it says of its own.

It never reads a description of a peer's: these are made anew, of what was agreed on.
"""

from dataclasses import dataclass, field

from media import sdp
from media.candidates import worth_trying
from media.descriptions import Local, RtpLocal, WebrtcLocal
from media.engine import Security
from media.keying import OFFERED_PROTOCOLS, Dtls, Keying, Sdes
from media.negotiate import CODECS, Agreement, RtpRemote, WebrtcRemote
from media.sdes import Crypto
from signaling.shared.errors import MediaError

NOWHERE = "0.0.0.0"
_DISCARD_PORT = 9
_OPUS_FMTP = "minptime=10;useinbandfec=1"


@dataclass(frozen=True, slots=True)
class Formats:
    """A codec as one side speaks it: its number, and that of telephone-event with its rate."""

    codec: str
    number: int
    event: int | None = None
    event_rate: int = 8000

    @classmethod
    def of(cls, agreement: Agreement) -> "Formats":
        return cls(
            agreement.codec, agreement.payload_type, agreement.event_type, agreement.event_rate
        )

    def lines(self) -> list[str]:
        """The attributes that explain the numbers."""
        lines = [f"a=rtpmap:{self.number} {self.codec}"]
        if self.codec == CODECS[0]:
            lines.append(f"a=fmtp:{self.number} {_OPUS_FMTP}")
        if self.event is not None:
            lines.append(f"a=rtpmap:{self.event} telephone-event/{self.event_rate}")
            lines.append(f"a=fmtp:{self.event} 0-15")
        return lines

    def __str__(self) -> str:
        return f"{self.number}" if self.event is None else f"{self.number} {self.event}"


@dataclass(frozen=True, slots=True)
class Far:
    """One side of a leg's call in the instance: how it speaks, where it is, how it is kept secret.

    `attributes` are those of its transport.
    """

    formats: tuple[Formats, ...]
    host: str = NOWHERE
    port: int = _DISCARD_PORT
    protocol: str = "RTP/AVP"
    direction: str = "sendrecv"
    attributes: tuple[str, ...] = field(default=(), repr=False)
    # How the instance finds out where the side really is; "off": it is where it says.
    learning: str = "off"

    def text(self, session_id: int, version: int) -> str:
        """The description, as the side itself would make it."""
        connection = f"IN {'IP6' if ':' in self.host else 'IP4'} {self.host}"
        numbers = " ".join(map(str, self.formats))
        lines = ["v=0", f"o=- {session_id} {version} {connection}", "s=-", f"c={connection}"]
        lines += ["t=0 0", f"m=audio {self.port} {self.protocol} {numbers}"]
        for formats in self.formats:
            lines += formats.lines()
        lines += [*self.attributes, "a=ptime:20", f"a={self.direction}"]
        return "".join(f"{line}\r\n" for line in lines)


def far_phone(
    section: sdp.MediaSection, agreement: Agreement, remote: RtpRemote, host: str, keying: Keying
) -> Far:
    """A phone by its description; it is sent to at `host`, wherever it says that it is."""
    attributes = ["a=rtcp-mux"] if remote.rtcp_mux else [f"a=rtcp:{remote.rtcp_port}"]
    protocol = "RTP/AVP"
    match keying:
        case Sdes(theirs=theirs):
            protocol = "RTP/SAVP"
            attributes.append(f"a=crypto:{_line_of(section, theirs)}")
        case Dtls(fingerprints=fingerprints, client=client):
            protocol = "UDP/TLS/RTP/SAVP"
            attributes += [f"a=fingerprint:{name} {value}" for name, value in fingerprints]
            attributes.append("a=setup:" + ("passive" if client else "active"))
    return Far(
        (Formats.of(agreement),),
        host,
        remote.port or _DISCARD_PORT,
        protocol,
        _direction(agreement),
        tuple(attributes),
        # For three seconds anybody could be taken for a phone that is looked for.
        "off" if host == remote.host else "heuristic",
    )


def _line_of(section: sdp.MediaSection, crypto: Crypto) -> str:
    """The line as the phone wrote it, with what it says of the key's name."""
    return next(line for line in section.cryptos if line.split()[:1] == [str(crypto.tag)])


def _direction(agreement: Agreement) -> str:
    if agreement.peer_listens:
        return "sendrecv" if agreement.peer_talks else "recvonly"
    return "sendonly" if agreement.peer_only_sends else "inactive"


def far_browser(agreement: Agreement, remote: WebrtcRemote, *, offers: bool, loopback: bool) -> Far:
    """A browser, by those of its addresses that may be tried; its checks tell the others."""
    candidates = worth_trying(remote.candidates, loopback=loopback)
    attributes = ["a=rtcp-mux", f"a=ice-ufrag:{remote.ufrag}", f"a=ice-pwd:{remote.password}"]
    attributes += [f"a=fingerprint:{name} {value}" for name, value in remote.fingerprints]
    role = "active" if remote.dtls_client else "actpass" if offers else "passive"
    attributes.append(f"a=setup:{role}")
    attributes += [f"a=candidate:{candidate}" for candidate in candidates]
    first = candidates[0] if candidates else None
    return Far(
        (Formats.of(agreement),),
        first.address if first else "127.0.0.1",
        first.port if first else _DISCARD_PORT,
        "UDP/TLS/RTP/SAVPF",
        _direction(agreement),
        tuple(attributes),
    )


@dataclass(frozen=True, slots=True)
class Near:
    """The instance's own end of one of the two sides."""

    section: sdp.MediaSection
    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> "Near":
        """Raises MediaError for a description that has no end of audio."""
        for section in sdp.parse(text).media:
            host = sdp.reachable_address(section.host or "")
            if section.kind == "audio" and section.port and host is not None:
                return cls(section, host, section.port)
        raise MediaError("rtpengine described no audio")

    @property
    def number_of_codec(self) -> dict[str, int]:
        return {codec.key: codec.payload_type for codec in self.section.codecs()}

    def browser_local(self) -> WebrtcLocal:
        """This end as it goes into our descriptions for browsers."""
        section = self.section
        return WebrtcLocal(
            ufrag=section.inherited("ice-ufrag") or "",
            password=section.inherited("ice-pwd") or "",
            fingerprint=self._fingerprint() or "",
            candidates=tuple(section.candidates),
        )

    def phone_local(self, security: Security, keying: Keying | None) -> Local:
        """This end as it goes into our descriptions for phones, as was agreed on or is offered."""
        section = self.section
        if keying is None:
            protocol = OFFERED_PROTOCOLS[security]
            cryptos = tuple(section.cryptos)
            return RtpLocal(self.host, self.port, protocol, cryptos, self._fingerprint())
        if isinstance(keying, Sdes):
            return RtpLocal(self.host, self.port, keying.protocol, tuple(section.cryptos))
        if isinstance(keying, Dtls):
            setup = "active" if keying.client else "passive"
            return RtpLocal(self.host, self.port, keying.protocol, (), self._fingerprint(), setup)
        return RtpLocal(self.host, self.port, keying.protocol)

    def _fingerprint(self) -> str | None:
        return next((value for name, value in self.section.fingerprints if name == "sha-256"), None)
