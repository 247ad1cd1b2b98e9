"""Keys in session descriptions (SDES, RFC 4568): the a=crypto lines."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field

from signaling.shared.errors import BadMessage, IncompatibleMedia

MAX_LINES = 32
_MAX_TAG_DIGITS = 9
_MAX_MKI_OCTETS = 128
# RFC 3711, section 9.2: the packets that one key may protect.
_MAX_LIFETIME = 2**48
# A hint on the window against replays; ours is as wide as any.
_HARMLESS = "WSH="


@dataclass(frozen=True, slots=True)
class Suite:
    """A way to protect packets; its key is the master key and the salt in one (RFC 4568, 6.1)."""

    name: str
    key_octets: int
    salt_octets: int

    @property
    def octets(self) -> int:
        return self.key_octets + self.salt_octets


AES_128_80 = Suite("AES_CM_128_HMAC_SHA1_80", 16, 14)
AES_128_32 = Suite("AES_CM_128_HMAC_SHA1_32", 16, 14)
AES_256_80 = Suite("AES_256_CM_HMAC_SHA1_80", 32, 14)
AES_256_32 = Suite("AES_256_CM_HMAC_SHA1_32", 32, 14)
GCM_128 = Suite("AEAD_AES_128_GCM", 16, 12)
GCM_256 = Suite("AEAD_AES_256_GCM", 32, 12)

SUITES = (GCM_256, GCM_128, AES_256_80, AES_128_80, AES_256_32, AES_128_32)
# Of our offers, the best first. Whoever knows a suite of short tags knows the one of long tags,
# and each line makes the INVITE longer.
OFFERED = (GCM_256, GCM_128, AES_256_80, AES_128_80)
# As drafts of RFC 6188 spelled them, and phones still do.
_OLD_NAMES = {
    "AES_CM_256_HMAC_SHA1_80": AES_256_80,
    "AES_CM_256_HMAC_SHA1_32": AES_256_32,
}
_BY_NAME = {suite.name: suite for suite in SUITES} | _OLD_NAMES


@dataclass(frozen=True, slots=True)
class Crypto:
    """One a=crypto line: the key that its sender protects packets with.

    `name` is the suite as the line spelled it. `mki_octets` is the length of the key's name in
    each packet (RFC 3711, section 8.1), mostly none.
    """

    tag: int
    suite: Suite
    key: bytes = field(repr=False)
    name: str
    mki_octets: int = 0

    def __str__(self) -> str:
        """The value of the line as we write it: no lifetime and no MKI of ours."""
        return f"{self.tag} {self.name} inline:{base64.b64encode(self.key).decode()}"


def parse(value: str) -> Crypto:
    """Read one line; IncompatibleMedia for what we cannot do, BadMessage for what is malformed."""
    words = value.split()
    if len(words) < 3 or not _is_number(words[0], _MAX_TAG_DIGITS):
        raise BadMessage("an a=crypto line is not of the form 'tag suite inline:key'")
    suite = _BY_NAME.get(words[1])
    if suite is None:
        raise IncompatibleMedia(f"the crypto suite {words[1][:40]} is not known here")
    for parameter in words[3:]:
        # RFC 4568, section 6.3.7: a parameter with a dash may be passed over by who knows it not.
        if not parameter.startswith(("-", _HARMLESS)):
            # Its name only: the value may be a key.
            name = parameter.partition("=")[0][:40]
            raise IncompatibleMedia(f"the session parameter {name} is not carried here")
    key, mki_octets = _key(words[2], suite)
    return Crypto(int(words[0]), suite, key, words[1], mki_octets)


def choose(values: Iterable[str]) -> Crypto:
    """The first line of an offer that we can do; IncompatibleMedia says why there is none."""
    reasons = []
    for value in list(values)[:MAX_LINES]:
        try:
            return parse(value)
        except (BadMessage, IncompatibleMedia) as error:
            reasons.append(str(error))
    raise IncompatibleMedia("; ".join(dict.fromkeys(reasons)) or "there is no a=crypto line")


def find_answer(values: Iterable[str], offered: Iterable[Crypto]) -> tuple[Crypto, Crypto]:
    """Our line that an answer took, and the answer's own (RFC 4568, section 5.1.3)."""
    theirs = choose(values)
    for ours in offered:
        if (ours.tag, ours.suite) == (theirs.tag, theirs.suite):
            return ours, theirs
    raise IncompatibleMedia("the a=crypto line of the answer is none that was offered")


def _key(parameter: str, suite: Suite) -> tuple[bytes, int]:
    """The key of `inline:key|lifetime|MKI:length`, and the MKI's length."""
    method, _, info = parameter.partition(":")
    if method != "inline":
        raise IncompatibleMedia("a key that is not inline is not carried here")
    if ";" in info:
        raise IncompatibleMedia("several keys in one a=crypto line are not carried here")
    text, *rest = info.split("|")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage("the key of an a=crypto line is not in base64") from error
    if len(key) != suite.octets:
        raise BadMessage(f"a key of {suite.name} has {suite.octets} octets, not {len(key)}")
    if rest and ":" not in rest[0]:
        _check_lifetime(rest.pop(0))
    if len(rest) > 1:
        raise BadMessage("the key of an a=crypto line has too many parts")
    return key, _mki_octets(rest[0]) if rest else 0


def _check_lifetime(text: str) -> None:
    """Whoever sends with a key counts; it is for us to know that it may be sent with at all."""
    power = text.removeprefix("2^")
    if not _is_number(power, 15):
        raise BadMessage("the lifetime of a key is not a number of packets")
    if power != text:
        packets = 2 ** min(int(power), 64)
    else:
        packets = int(power)
    if not 0 < packets <= _MAX_LIFETIME:
        raise BadMessage("the lifetime of a key is out of bounds")


def _mki_octets(text: str) -> int:
    name, _, length = text.partition(":")
    if not (_is_number(name, 40) and _is_number(length, 3) and 0 < int(length) <= _MAX_MKI_OCTETS):
        raise BadMessage("the MKI of an a=crypto line is not of the form 'number:octets'")
    return int(length)


def _is_number(text: str, most_digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most_digits
