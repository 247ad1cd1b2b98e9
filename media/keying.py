"""How the two ends of an RTP leg come to their SRTP keys, and our words for it in descriptions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from media import sdes
from media.descriptions import RtpLocal
from media.engine import Security
from media.negotiate import HASHES
from media.sdes import Crypto
from media.sdp import MediaSection
from signaling.shared.errors import BadMessage, IncompatibleMedia

_PLAIN = ("RTP/AVP", "RTP/AVPF")
OFFERED_PROTOCOLS = {
    Security.NONE: "RTP/AVP",
    Security.OPTIONAL: "RTP/AVP",
    Security.REQUIRED: "RTP/SAVP",
    Security.DTLS: "UDP/TLS/RTP/SAVP",
}


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain RTP; `protocol` is that of the m= line, here and below."""

    protocol: str


@dataclass(frozen=True, slots=True)
class Sdes:
    """Keys from both descriptions (RFC 4568): we protect by `ours` and hear by `theirs`."""

    protocol: str
    ours: Crypto
    theirs: Crypto


@dataclass(frozen=True, slots=True)
class Dtls:
    """Keys from a DTLS handshake (RFC 5763), which we begin when we are the `client`."""

    protocol: str
    fingerprints: tuple[tuple[str, str], ...]
    client: bool


Keying = Plain | Sdes | Dtls


class Secrecy:
    """What one RTP leg offers and takes. Reading changes nothing; `agree` does.

    Our key of a suite stays the same while the leg speaks that suite, so that a new offer leaves
    the packets' count, and with it SRTP's, alone (RFC 3711, section 3.3.1).
    """

    def __init__(
        self, security: Security, fingerprint: str, new_key: Callable[[int], bytes]
    ) -> None:
        """`fingerprint` is our certificate's, by SHA-256; `new_key` makes so many random octets."""
        self._security = security
        self._fingerprint = fingerprint
        self._new_key = new_key
        self._agreed: Keying | None = None
        self._offered: tuple[Crypto, ...] = ()

    def local(self, address: str, port: int) -> RtpLocal:
        """Our end as it goes into our answer, or into an offer: the first, or a later one."""
        agreed = self._agreed
        plain = RtpLocal(address, port)
        match agreed:
            case Plain():
                return replace(plain, protocol=agreed.protocol)
            case Sdes():
                return replace(plain, protocol=agreed.protocol, cryptos=(str(agreed.ours),))
            case Dtls():
                return replace(
                    plain,
                    protocol=agreed.protocol,
                    fingerprint=self._fingerprint,
                    setup="active" if agreed.client else "passive",
                )
        if not self._offered and self._security in (Security.OPTIONAL, Security.REQUIRED):
            self._offered = tuple(
                Crypto(tag, suite, self._new_key(suite.octets), suite.name)
                for tag, suite in enumerate(sdes.OFFERED, 1)
            )
        return replace(
            plain,
            protocol=OFFERED_PROTOCOLS[self._security],
            cryptos=tuple(map(str, self._offered)),
            fingerprint=None if self._security is Security.NONE else self._fingerprint,
        )

    def offered(self, lines: Iterable[str]) -> None:
        """Somebody else made our offer, with these a=crypto lines."""
        self._offered = tuple(map(sdes.parse, lines))

    def read(self, section: MediaSection, *, answer: bool) -> Keying:
        """What the peer's description comes to; IncompatibleMedia for what may not be.

        `answer`: it answers our offer.
        """
        refusals = []
        for way in (self._by_sdes, self._by_dtls):
            try:
                keying = way(section, answer=answer)
            except (BadMessage, IncompatibleMedia) as error:
                refusals.append(str(error))
                continue
            if keying is not None:
                return keying
        # An answer with keys that we cannot use is still no plain RTP.
        if section.protocol not in _PLAIN or (answer and refusals):
            reason = "; ".join(refusals) or "its keys are not of a kind that is allowed here"
            raise IncompatibleMedia(f"the audio is {section.protocol}, but {reason}")
        if self._security in (Security.REQUIRED, Security.DTLS):
            raise IncompatibleMedia(
                f"the audio is plain {section.protocol}; for this phone srtp is {self._security}"
            )
        return Plain(section.protocol)

    def agree(self, keying: Keying) -> None:
        """Speak so from now on."""
        self._agreed = keying
        if isinstance(keying, Sdes) and keying.ours not in self._offered:
            self._offered = (keying.ours,)

    def _by_sdes(self, section: MediaSection, *, answer: bool) -> Sdes | None:
        allowed = self._security in (Security.OPTIONAL, Security.REQUIRED)
        if not allowed or not section.cryptos or section.protocol.startswith("UDP/TLS/"):
            return None
        if answer:
            ours, theirs = sdes.find_answer(section.cryptos, self._offered)
            return Sdes(section.protocol, ours, theirs)
        theirs = sdes.choose(section.cryptos)
        key = self._key_for(theirs)
        return Sdes(section.protocol, replace(theirs, key=key, mki_octets=0), theirs)

    def _key_for(self, theirs: Crypto) -> bytes:
        agreed = self._agreed
        if isinstance(agreed, Sdes) and agreed.ours.suite == theirs.suite:
            return agreed.ours.key
        return self._new_key(theirs.suite.octets)

    def _by_dtls(self, section: MediaSection, *, answer: bool) -> Dtls | None:
        if self._security is Security.NONE or not section.fingerprints:
            return None
        fingerprints = tuple(pair for pair in section.fingerprints if pair[0] in HASHES)
        if not fingerprints:
            raise IncompatibleMedia("there is no fingerprint by sha-256, sha-384 or sha-512")
        setup = section.inherited("setup")
        agreed = self._agreed
        known = isinstance(agreed, Dtls) and agreed.fingerprints == fingerprints
        if isinstance(agreed, Dtls) and known and setup not in ("active", "passive"):
            # The association goes on, with the roles that it has (RFC 5763, section 6.6).
            return replace(agreed, protocol=section.protocol)
        # Whoever may choose begins: a phone behind NAT can reach us, we may not reach it.
        return Dtls(section.protocol, fingerprints, client=setup == "passive")
