"""The contexts of one leg: every suite, its ciphers, new keys, named keys, long streams."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from media import sdes
from media.sdes import Crypto, Suite
from media.side import BUFFER_SIZE
from media.srtp import Contexts
from tests.media.peers import rtp

SPEECH = rtp(0, 1, b"speech" * 20)
REPORT = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])


def crypto(suite: Suite, first: int = 0, *, mki_octets: int = 0) -> Crypto:
    key = bytes((first + number) % 256 for number in range(suite.octets))
    return Crypto(1, suite, key, suite.name, mki_octets)


class End:
    """One end of a stream: contexts with their buffer."""

    def __init__(self, ours: Crypto, theirs: Crypto) -> None:
        self.buffer = bytearray(BUFFER_SIZE)
        self.contexts = Contexts(self.buffer)
        self.contexts.use(ours, theirs)

    def send(self, packet: bytes) -> bytes:
        self.buffer[: len(packet)] = packet
        return bytes(self.buffer[: self.contexts.protect(len(packet))])

    def send_control(self, packet: bytes) -> bytes:
        self.buffer[: len(packet)] = packet
        return bytes(self.buffer[: self.contexts.protect_control(len(packet))])

    def hear(self, packet: bytes) -> bytes:
        return bytes(self.buffer[: self.contexts.unprotect(packet)])

    def hear_control(self, packet: bytes) -> bytes:
        return bytes(self.buffer[: self.contexts.unprotect_control(packet)])


def pair(suite: Suite) -> tuple[End, End]:
    one, two = crypto(suite), crypto(suite, 100)
    return End(one, two), End(two, one)


TAGS = {
    "AES_CM_128_HMAC_SHA1_80": 10,
    "AES_CM_128_HMAC_SHA1_32": 4,
    "AES_256_CM_HMAC_SHA1_80": 10,
    "AES_256_CM_HMAC_SHA1_32": 4,
    "AEAD_AES_128_GCM": 16,
    "AEAD_AES_256_GCM": 16,
}


@pytest.mark.parametrize("suite", sdes.SUITES, ids=lambda suite: suite.name)
class TestEachSuite:
    def test_speech_and_reports_come_back_as_they_were(self, suite: Suite) -> None:
        one, two = pair(suite)
        sealed = one.send(SPEECH)
        assert len(sealed) == len(SPEECH) + TAGS[suite.name]
        assert b"speech" not in sealed
        assert two.hear(sealed) == SPEECH
        # RFC 4568, section 6.2.2: the tag of SRTCP is not shortened.
        reported = one.send_control(REPORT)
        assert len(reported) == len(REPORT) + 4 + (16 if suite.salt_octets == 12 else 10)
        assert two.hear_control(reported) == REPORT

    def test_forgeries_repeats_and_other_keys_are_refused(self, suite: Suite) -> None:
        one, two = pair(suite)
        sealed = one.send(SPEECH)
        assert two.hear(sealed[:-1] + bytes([sealed[-1] ^ 1])) == b""
        assert two.hear(sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]) == b""
        assert two.hear(sealed) == SPEECH
        assert two.hear(sealed) == b""
        stranger = End(crypto(suite, 7), crypto(suite, 7))
        assert two.hear(stranger.send(rtp(0, 2))) == b""

    def test_a_named_key_is_found_behind_its_name(self, suite: Suite) -> None:
        """RFC 3711, section 3.1; with AEAD the name is last (RFC 7714, section 8.1)."""
        one = End(crypto(suite), crypto(suite))
        two = End(crypto(suite), crypto(suite, mki_octets=4))
        aead = suite.salt_octets == 12
        sealed, tag = one.send(SPEECH), 0 if aead else TAGS[suite.name]
        end = len(sealed) - tag
        assert two.hear(sealed[:end] + b"\0\0\0\1" + sealed[end:]) == SPEECH
        report, tag = one.send_control(REPORT), 0 if aead else 10
        end = len(report) - tag
        assert two.hear_control(report[:end] + b"\0\0\0\1" + report[end:]) == REPORT
        assert two.hear(sealed[:3]) == two.hear_control(b"") == b""

    def test_the_count_goes_on_over_many_wraps(self, suite: Suite) -> None:
        one, two = pair(suite)
        for number in range(0, 5 * 65536, 9973):
            assert two.hear(one.send(rtp(0, number))) == rtp(0, number)


def test_nothing_passes_before_there_are_keys() -> None:
    contexts = Contexts(bytearray(BUFFER_SIZE))
    assert contexts.protect(100) == contexts.protect_control(100) == 0
    assert contexts.unprotect(SPEECH) == contexts.unprotect_control(REPORT) == 0


@pytest.mark.parametrize(
    ("suite", "octets"), [(sdes.AES_128_80, 16), (sdes.AES_256_80, 32), (sdes.AES_256_32, 32)]
)
def test_the_cipher_is_as_long_as_the_suite_says(suite: Suite, octets: int) -> None:
    """RFC 3711, sections 4.1.1 and 4.3, with the AES of RFC 6188, by another library."""
    keyed = crypto(suite)
    master, salt = keyed.key[:octets], keyed.key[octets:]

    def derived(label: int, length: int) -> bytes:
        start = int.from_bytes(salt, "big") ^ (label << 48)
        return counter(master, start << 16, bytes(length))

    salting = int.from_bytes(derived(2, 14), "big")
    source, index = 0x1111, 1
    start = (salting << 16) ^ (source << 64) ^ (index << 16)
    sealed = SPEECH[:12] + counter(derived(0, octets), start, SPEECH[12:])
    mac = hmac.new(derived(1, 20), sealed + bytes(4), hashlib.sha1).digest()
    assert End(keyed, keyed).send(SPEECH) == sealed + mac[: TAGS[suite.name]]


def counter(key: bytes, start: int, data: bytes) -> bytes:
    return Cipher(AES(key), CTR(start.to_bytes(16, "big"))).encryptor().update(data)


class TestNewKeys:
    OLD, NEW = crypto(sdes.GCM_128, 1), crypto(sdes.GCM_128, 2)

    def test_the_old_key_opens_until_the_new_one_is_heard(self) -> None:
        old, new = End(self.OLD, self.OLD), End(self.NEW, self.NEW)
        end = End(crypto(sdes.GCM_128, 9), self.OLD)
        assert end.hear(old.send(rtp(0, 1)))
        end.contexts.use(crypto(sdes.GCM_128, 9), self.NEW)
        assert end.hear(old.send(rtp(0, 2))) == rtp(0, 2)
        assert end.hear_control(old.send_control(REPORT)) == REPORT
        assert end.hear(new.send(rtp(0, 3))) == rtp(0, 3)
        assert end.hear(old.send(rtp(0, 4))) == b""

    def test_the_same_key_again_keeps_its_count_of_repeats(self) -> None:
        end = End(crypto(sdes.GCM_128, 9), self.OLD)
        sealed = End(self.OLD, self.OLD).send(SPEECH)
        assert end.hear(sealed)
        end.contexts.use(crypto(sdes.GCM_128, 9), self.OLD)
        assert end.hear(sealed) == b""

    def test_a_key_of_ours_that_comes_back_does_not_begin_anew(self) -> None:
        """Its key stream would be used twice: a number sent before is refused."""
        end = End(self.OLD, crypto(sdes.GCM_128, 9))
        assert end.send(SPEECH)
        end.contexts.use(self.NEW, crypto(sdes.GCM_128, 9))
        assert end.send(SPEECH)
        end.contexts.use(self.OLD, crypto(sdes.GCM_128, 9))
        assert end.send(SPEECH) == b""
        assert end.send(rtp(0, 2))
