"""Session descriptions (RFC 8866): every line kept, in its order, read only where asked."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from signaling.shared.errors import BadMessage

MAX_CHARACTERS = 32 * 1024
MAX_LINES = 1000
MAX_LINE = 4096
MAX_SECTIONS = 16
MAX_FORMATS = 128

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_CANDIDATE_TYPES = ("host", "srflx", "relay")

# RFC 3551, table 4: these payload types mean something without an rtpmap.
_STATIC = {
    0: "PCMU/8000",
    3: "GSM/8000",
    4: "G723/8000",
    5: "DVI4/8000",
    7: "LPC/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    10: "L16/44100/2",
    11: "L16/44100",
    12: "QCELP/8000",
    13: "CN/8000",
    15: "G728/8000",
    18: "G729/8000",
}


@dataclass(frozen=True, slots=True)
class Codec:
    """One format of a media section: a payload type and what it stands for."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    fmtp: str

    @property
    def key(self) -> str:
        """The encoding as an rtpmap prints it, in lower case, one channel left out."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name.lower()}/{self.clock_rate}{channels}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate over UDP that can be reached by an IP address (RFC 8839, section 5.1)."""

    foundation: str
    priority: int
    address: str
    port: int
    kind: str

    def __str__(self) -> str:
        return f"{self.foundation} 1 udp {self.priority} {self.address} {self.port} typ {self.kind}"


@dataclass(slots=True)
class Section:
    """Lines of one part of a description, each with its letter, without line ends."""

    lines: list[str] = field(default_factory=list)

    def values(self, letter: str) -> Iterator[str]:
        """The values of all lines of one letter."""
        return (line[2:] for line in self.lines if line[0] == letter)

    def attributes(self, name: str) -> list[str]:
        """The values of all attributes of a name; a flag's value is empty."""
        head = name + ":"
        return [
            value[len(head) :]
            for value in self.values("a")
            if value == name or value.startswith(head)
        ]

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute, or None when it is absent."""
        return next(iter(self.attributes(name)), None)

    @property
    def own_direction(self) -> str | None:
        """The direction this part itself names."""
        return next((value for value in self.values("a") if value in DIRECTIONS), None)

    @property
    def own_host(self) -> str | None:
        """The host of this part's own c= line."""
        line = next(self.values("c"), None)
        if line is None:
            return None
        words = line.split()
        if len(words) != 3 or words[0] != "IN":
            raise BadMessage("the c= line is not of the form 'IN IP4 host'")
        return words[2].partition("/")[0]


@dataclass(slots=True)
class MediaSection(Section):
    """A media section; what it leaves out is looked up in the session's part."""

    session: Section = field(default_factory=Section)
    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: tuple[str, ...] = ()

    @property
    def host(self) -> str | None:
        """Where its media goes: an IP address or a name."""
        return self.own_host or self.session.own_host

    @property
    def direction(self) -> str:
        return self.own_direction or self.session.own_direction or "sendrecv"

    @property
    def rejected(self) -> bool:
        """Port 0 is a refusal, but for a section that shares another's port (RFC 9143, 6)."""
        return self.port == 0 and self.attribute("bundle-only") is None

    @property
    def mid(self) -> str | None:
        return self.attribute("mid")

    @property
    def rtcp_mux(self) -> bool:
        return self.attribute("rtcp-mux") is not None

    @property
    def ptime_ms(self) -> int | None:
        """The peer's wish for a packet's length; None where it is none that we understand."""
        return _milliseconds(self.attribute("ptime"))

    @property
    def max_ptime_ms(self) -> int | None:
        """The longest packet that the peer takes."""
        return _milliseconds(self.attribute("maxptime"))

    @property
    def rtcp_port(self) -> int:
        """The port of a=rtcp (RFC 3605), else the one after the media's."""
        value = self.attribute("rtcp")
        if not value:
            return self.port + 1
        return _number(value.split()[0], "rtcp", 65535)

    @property
    def cryptos(self) -> list[str]:
        """The SDES lines (RFC 4568)."""
        return self.attributes("crypto")

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """Hash and value of each a=fingerprint (RFC 8122)."""
        found = self.attributes("fingerprint") or self.session.attributes("fingerprint")
        pairs = [value.split() for value in found]
        if any(len(pair) != 2 for pair in pairs):
            raise BadMessage("an a=fingerprint line is not of the form 'hash value'")
        return [(pair[0].lower(), pair[1]) for pair in pairs]

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates that can be reached."""
        parsed = (parse_candidate(value) for value in self.attributes("candidate"))
        return [candidate for candidate in parsed if candidate is not None]

    def inherited(self, name: str) -> str | None:
        """An attribute of this section, or else of the session (ice-ufrag, ice-pwd, setup)."""
        own = self.attribute(name)
        return own if own is not None else self.session.attribute(name)

    def codecs(self) -> list[Codec]:
        """The formats in the section's order; those that nothing explains are left out."""
        maps = _by_payload_type(self.attributes("rtpmap"))
        parameters = _by_payload_type(self.attributes("fmtp"))
        codecs = []
        for text in self.formats:
            number = _number(text, "payload type", 127)
            encoding = maps.get(number) or _STATIC.get(number)
            if encoding is not None:
                codecs.append(_codec(number, encoding, parameters.get(number, "")))
        return codecs


@dataclass(slots=True)
class Description:
    """A session description: the session's own lines, then the media sections."""

    session: Section
    media: list[MediaSection]

    def __str__(self) -> str:
        parts: list[Section] = [self.session, *self.media]
        return "".join(line + "\r\n" for part in parts for line in part.lines)

    @property
    def ice_lite(self) -> bool:
        return self.session.attribute("ice-lite") is not None

    def bundle(self, mid: str | None) -> list[str]:
        """The mids that share a transport with `mid`, the tagged one first (RFC 9143)."""
        groups = (value.split() for value in self.session.attributes("group"))
        for group in groups:
            if group[:1] == ["BUNDLE"] and mid in group[1:]:
                return group[1:]
        return []


def parse(text: str) -> Description:
    """Read a description; BadMessage for what is none or out of bounds."""
    if len(text) > MAX_CHARACTERS:
        raise BadMessage(f"the session description is longer than {MAX_CHARACTERS} characters")
    lines = [line.rstrip("\r") for line in text.rstrip("\r\n").split("\n")]
    if len(lines) > MAX_LINES:
        raise BadMessage(f"the session description has more than {MAX_LINES} lines")
    if lines[0] != "v=0":
        raise BadMessage("a session description begins with v=0")
    description = Description(Section(), [])
    part = description.session
    for line in lines:
        _check_line(line)
        if line[0] == "m":
            part = _media(line[2:], description.session)
            description.media.append(part)
        part.lines.append(line)
    if len(description.media) > MAX_SECTIONS:
        raise BadMessage(f"the session description has more than {MAX_SECTIONS} m= lines")
    return description


def parse_candidate(text: str) -> Candidate | None:
    """A candidate's line, with or without its name; None when we have no way to reach it.

    Names (mDNS among them) are not looked up: the peer's own checks tell its address. TCP and
    further components do not occur with rtcp-mux over UDP.
    """
    words = text.removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or len(text) > MAX_LINE:
        return None
    foundation, component, transport, priority, address, port, typ, kind = words[:8]
    if component != "1" or transport.lower() != "udp" or typ != "typ":
        return None
    if kind not in _CANDIDATE_TYPES or len(foundation) > 32:
        return None
    host = reachable_address(address)
    if host is None or not _is_number(priority, 2**32 - 1) or not _is_number(port, 65535):
        return None
    return Candidate(foundation, int(priority), host, int(port), kind) if int(port) else None


def reachable_address(host: str) -> str | None:
    """The address in its canonical spelling; None for a name or for nobody's address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        return None
    return str(address)


def _check_line(line: str) -> None:
    if len(line) > MAX_LINE:
        raise BadMessage(f"a line of the session description is longer than {MAX_LINE}")
    if len(line) < 2 or line[1] != "=" or not ("a" <= line[0] <= "z"):
        raise BadMessage("a line of the session description is not of the form 'x=value'")
    if "\0" in line or "\r" in line:
        raise BadMessage("a line of the session description holds a control character")


def _media(value: str, session: Section) -> MediaSection:
    words = value.split()
    if len(words) < 4 or len(words) > 3 + MAX_FORMATS:
        raise BadMessage("an m= line is not of the form 'media port protocol formats'")
    port = _number(words[1].partition("/")[0], "port", 65535)
    return MediaSection(
        session=session, kind=words[0], port=port, protocol=words[2], formats=tuple(words[3:])
    )


def _codec(number: int, encoding: str, fmtp: str) -> Codec:
    words = encoding.split("/")
    if len(words) not in (2, 3) or not words[0]:
        raise BadMessage("an rtpmap is not of the form 'name/clock rate'")
    channels = _number(words[2], "channels", 255) if len(words) == 3 else 1
    return Codec(number, words[0], _number(words[1], "clock rate", 10_000_000), channels, fmtp)


def _by_payload_type(values: list[str]) -> dict[int, str]:
    pairs = (value.partition(" ") for value in values)
    return {int(head): tail.strip() for head, _, tail in pairs if _is_number(head, 127)}


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most


def _milliseconds(value: str | None) -> int | None:
    """Whole milliseconds of a length that may be written with a fraction (RFC 8866, 6.4)."""
    whole = (value or "").partition(".")[0]
    return int(whole) if _is_number(whole, 1000) else None


def _number(text: str, what: str, most: int) -> int:
    if not _is_number(text, most):
        raise BadMessage(f"the {what} is not a number up to {most}")
    return int(text)
