"""The a=crypto lines: which are taken, which are passed over and why, and how ours look."""

import base64

import pytest

from media import sdes
from media.sdes import Crypto, Suite
from signaling.shared.errors import BadMessage, IncompatibleMedia


def inline(octets: int) -> str:
    return "inline:" + base64.b64encode(bytes(range(octets))).decode()


KEY = inline(30)
LINE = f"1 AES_CM_128_HMAC_SHA1_80 {KEY}"


@pytest.mark.parametrize("suite", sdes.SUITES, ids=lambda suite: suite.name)
def test_a_line_of_ours_is_read_as_it_was_written(suite: Suite) -> None:
    line = Crypto(7, suite, bytes(suite.octets), suite.name)
    assert sdes.parse(str(line)) == line


@pytest.mark.parametrize("name", ["AES_CM_256_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_32"])
def test_an_old_name_is_understood_and_kept_for_the_answer(name: str) -> None:
    line = f"3 {name} {inline(46)}"
    assert sdes.parse(line).suite in (sdes.AES_256_80, sdes.AES_256_32)
    assert str(sdes.parse(line)) == line


@pytest.mark.parametrize(
    ("ending", "mki_octets"),
    [("|2^20", 0), ("|1048576", 0), ("|2^31|1:4", 4), ("|1:32", 32), ("|2^48", 0)],
)
def test_lifetime_and_mki_are_understood(ending: str, mki_octets: int) -> None:
    crypto = sdes.parse(LINE + ending)
    assert (crypto.key, crypto.mki_octets) == (bytes(range(30)), mki_octets)


@pytest.mark.parametrize("parameter", ["WSH=64", "-NEW=1", "-UNKNOWN"])
def test_a_parameter_that_may_be_passed_over_is(parameter: str) -> None:
    assert sdes.parse(f"{LINE} {parameter}").tag == 1


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 {inline(29)}",
        f"1 AES_CM_128_HMAC_SHA1_80 {inline(46)}",
        f"1 AEAD_AES_256_GCM {inline(46)}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:not*base64",
        "1 AES_CM_128_HMAC_SHA1_80 inline:",
        f"x AES_CM_128_HMAC_SHA1_80 {KEY}",
        f"1234567890 AES_CM_128_HMAC_SHA1_80 {KEY}",
        f"١ AES_CM_128_HMAC_SHA1_80 {KEY}",
        "1 AES_CM_128_HMAC_SHA1_80",
        "",
        f"{LINE}|0",
        f"{LINE}|2^49",
        f"{LINE}|2^",
        f"{LINE}|-5",
        f"{LINE}|2^20|1:0",
        f"{LINE}|2^20|1:129",
        f"{LINE}|2^20|1",
        f"{LINE}|2^20|1:4|1:4",
    ],
)
def test_a_malformed_line_is_refused(line: str) -> None:
    with pytest.raises(BadMessage):
        sdes.parse(line)


@pytest.mark.parametrize(
    "line",
    [
        f"1 F8_128_HMAC_SHA1_80 {KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY.replace('inline', 'uri')}",
        f"{LINE};{KEY}|2^20|2:4",
        f"{LINE} UNENCRYPTED_SRTP",
        f"{LINE} UNENCRYPTED_SRTCP",
        f"{LINE} UNAUTHENTICATED_SRTP",
        f"{LINE} KDR=4",
        f"{LINE} NEW=1",
    ],
)
def test_what_we_cannot_do_is_refused(line: str) -> None:
    """RFC 4568, section 6.3: an unknown parameter makes the whole line invalid."""
    with pytest.raises(IncompatibleMedia):
        sdes.parse(line)


def test_a_key_in_a_parameter_is_not_told_on() -> None:
    with pytest.raises(IncompatibleMedia) as refusal:
        sdes.parse(f"{LINE} FEC_KEY={KEY}")
    assert KEY not in str(refusal.value) and "FEC_KEY" in str(refusal.value)


def test_a_key_is_not_printed() -> None:
    crypto = sdes.parse(LINE)
    assert repr(crypto.key) not in repr(crypto) and KEY not in repr(crypto)


class TestChoosing:
    def test_the_first_line_that_we_can_do_is_taken(self) -> None:
        lines = [f"1 AES_CM_128_HMAC_SHA1_80 {inline(5)}", f"2 NEW {KEY}", f"3 {LINE[2:]}", LINE]
        assert sdes.choose(lines).tag == 3

    def test_the_reasons_are_told_when_there_is_none(self) -> None:
        with pytest.raises(IncompatibleMedia, match="suite NEW.*not in base64"):
            sdes.choose([f"1 NEW {KEY}", "2 AES_CM_128_HMAC_SHA1_80 inline:*"])

    def test_a_flood_of_lines_is_not_read_to_its_end(self) -> None:
        with pytest.raises(IncompatibleMedia):
            sdes.choose([f"1 NEW {KEY}"] * sdes.MAX_LINES + [LINE])


class TestAnswers:
    OFFERED = (
        Crypto(1, sdes.GCM_128, bytes(28), sdes.GCM_128.name),
        Crypto(2, sdes.AES_128_80, bytes(30), sdes.AES_128_80.name),
    )

    def test_the_tag_tells_which_line_was_taken(self) -> None:
        ours, theirs = sdes.find_answer([f"2 {LINE[2:]}"], self.OFFERED)
        assert (ours, theirs.key) == (self.OFFERED[1], bytes(range(30)))

    @pytest.mark.parametrize("tag", [1, 3])
    def test_a_line_that_was_not_offered_is_refused(self, tag: int) -> None:
        with pytest.raises(IncompatibleMedia, match="none that was offered"):
            sdes.find_answer([f"{tag} {LINE[2:]}"], self.OFFERED)
