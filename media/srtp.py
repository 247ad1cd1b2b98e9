"""The SRTP contexts of one RTP leg (RFC 3711): made from keys, at work in the engine's buffer."""

from collections.abc import Callable
from dataclasses import dataclass

from pylibsrtp import Policy

from media import sdes
from media.aiortc_hooks import SrtpContext, keyed_session
from media.sdes import Crypto, Suite

# How many of the peer's keys are tried: the newest, and those before it until the newest is heard.
MAX_KEYS = 3
_COUNTER_TAG = 10

InPlace = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class _Cipher:
    """A suite in libsrtp's words; `tag` is the octets of RTP's tag, 0 where MKIs come last."""

    profile: int
    aes_256: bool
    tag: int


_80, _32 = Policy.SRTP_PROFILE_AES128_CM_SHA1_80, Policy.SRTP_PROFILE_AES128_CM_SHA1_32
_CIPHERS = {
    sdes.AES_128_80: _Cipher(_80, aes_256=False, tag=_COUNTER_TAG),
    sdes.AES_128_32: _Cipher(_32, aes_256=False, tag=4),
    sdes.AES_256_80: _Cipher(_80, aes_256=True, tag=_COUNTER_TAG),
    sdes.AES_256_32: _Cipher(_32, aes_256=True, tag=4),
    sdes.GCM_128: _Cipher(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, aes_256=False, tag=0),
    sdes.GCM_256: _Cipher(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, aes_256=False, tag=0),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What opens packets of one key of the peer; `name` tells it from others."""

    name: object
    media: InPlace
    control: InPlace


class Contexts:
    """What protects our packets and opens the peer's; before there are keys, nothing passes.

    Each function returns the length of what it left in the buffer, 0 for a packet refused.
    """

    def __init__(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.protect: InPlace = refuse
        self.protect_control: InPlace = refuse
        # By key, for the leg's life: a key that began anew would use its key stream twice.
        self._sending: dict[tuple[Suite, bytes], SrtpContext] = {}
        self._heard: tuple[Heard, ...] = ()
        # What opens every packet of the peer, for the fast path: None while it may be one of many.
        self.opener: InPlace | None = None

    def use(self, ours: Crypto, theirs: Crypto) -> None:
        """Send by our key and hear by theirs; keys that are in use already stay as they are."""
        ours_by = (ours.suite, ours.key)
        if ours_by not in self._sending:
            self._sending[ours_by] = _context(ours, self.buffer, sends=True)
        self.send_by(self._sending[ours_by].media, self._sending[ours_by].control)
        known = (heard for heard in self._heard if heard.name == theirs)
        self.hear_by(next(known, None) or _heard(theirs, self.buffer))

    def send_by(self, media: InPlace, control: InPlace) -> None:
        """Protect our packets by these from now on."""
        self.protect, self.protect_control = media, control

    def hear_by(self, newest: Heard) -> None:
        """Open the peer's packets by this, and by those before it until this has opened one."""
        others = [heard for heard in self._heard if heard.name != newest.name]
        self._try(newest, *others[: MAX_KEYS - 1])

    def unprotect(self, packet: bytes) -> int:
        """Open an RTP packet of the peer into the buffer."""
        for heard in self._heard:
            self.buffer[: len(packet)] = packet
            size = heard.media(len(packet))
            if size:
                # The peer has come to its newest key; nothing new is protected by the others.
                if len(self._heard) > 1 and heard is self._heard[0]:
                    self._try(heard)
                return size
        return 0

    def unprotect_control(self, packet: bytes) -> int:
        """Open an RTCP packet of the peer into the buffer."""
        for heard in self._heard:
            self.buffer[: len(packet)] = packet
            size = heard.control(len(packet))
            if size:
                return size
        return 0

    def _try(self, *heard: Heard) -> None:
        self._heard = heard
        self.opener = heard[0].media if len(heard) == 1 else None


def refuse(_length: int) -> int:
    """What stands for a key that is not there yet."""
    return 0


def _context(crypto: Crypto, buffer: bytearray, *, sends: bool) -> SrtpContext:
    cipher = _CIPHERS[crypto.suite]
    session = keyed_session(cipher.profile, crypto.key, aes_256=cipher.aes_256, sends=sends)
    return SrtpContext(session, buffer, sends=sends)


def _heard(theirs: Crypto, buffer: bytearray) -> Heard:
    context = _context(theirs, buffer, sends=False)
    if not theirs.mki_octets:
        return Heard(theirs, context.media, context.control)
    tag = _CIPHERS[theirs.suite].tag
    return Heard(
        theirs,
        _without_mki(context.media, buffer, theirs.mki_octets, tag),
        # SRTCP's tag is long in all suites of counter mode (RFC 4568, section 6.2.2).
        _without_mki(context.control, buffer, theirs.mki_octets, _COUNTER_TAG if tag else 0),
    )


def _without_mki(opened: InPlace, buffer: bytearray, octets: int, tag: int) -> InPlace:
    """Take the key's name out first: it stands before the tag, which does not cover it.

    With AEAD it is last (RFC 7714, section 8.1). There is one key, so the name tells nothing.
    """

    def run(length: int) -> int:
        rest = length - octets
        if rest < tag:
            return 0
        buffer[rest - tag : rest] = buffer[length - tag : length]
        return opened(rest)

    return run
