"""What an RTP leg makes of a peer's keys: what may be, what may not, and what stays as it was."""

import pytest

from media.engine import Security
from media.keying import Dtls, Keying, Plain, Sdes, Secrecy
from media.sdp import MediaSection, parse
from signaling.shared.errors import IncompatibleMedia

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40
UNKNOWN_KEY = "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + "A" * 40
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def section(protocol: str, *lines: str) -> MediaSection:
    text = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    return parse("\r\n".join([*text, f"m=audio 4000 {protocol} 0", *lines, ""])).media[0]


def secrecy(security: Security = Security.OPTIONAL) -> Secrecy:
    return Secrecy(security, "AB", bytes)


def agreed(ours: Secrecy, theirs: MediaSection, *, answer: bool = False) -> Keying:
    keying = ours.read(theirs, answer=answer)
    ours.agree(keying)
    return keying


class TestAnswers:
    def test_keys_that_cannot_be_used_are_no_plain_rtp(self) -> None:
        """Whoever answers so will encrypt."""
        ours = secrecy()
        ours.local("127.0.0.1", 4000)
        with pytest.raises(IncompatibleMedia, match="suite"):
            ours.read(section("RTP/AVP", UNKNOWN_KEY), answer=True)
        assert ours.read(section("RTP/AVP"), answer=True) == Plain("RTP/AVP")

    def test_in_an_offer_they_are_beside_it(self) -> None:
        assert secrecy().read(section("RTP/AVP", UNKNOWN_KEY), answer=False) == Plain("RTP/AVP")


class TestDtlsOnly:
    def test_keys_in_the_description_are_not_taken(self) -> None:
        ours = secrecy(Security.DTLS)
        for protocol in ("RTP/SAVP", "RTP/AVP"):
            with pytest.raises(IncompatibleMedia):
                ours.read(section(protocol, KEY), answer=False)

    @pytest.mark.parametrize("security", [Security.OPTIONAL, Security.REQUIRED])
    def test_elsewhere_they_are(self, security: Security) -> None:
        assert isinstance(secrecy(security).read(section("RTP/SAVP", KEY), answer=False), Sdes)

    @pytest.mark.parametrize("weak", ["sha-1", "md5"])
    def test_a_fingerprint_that_could_be_forged_is_none(self, weak: str) -> None:
        theirs = section("UDP/TLS/RTP/SAVP", FINGERPRINT.replace("sha-256", weak), "a=setup:active")
        with pytest.raises(IncompatibleMedia, match="fingerprint"):
            secrecy(Security.DTLS).read(theirs, answer=False)


class TestAnotherOffer:
    @pytest.mark.parametrize(("setup", "client"), [("passive", True), ("active", False)])
    def test_the_association_keeps_its_roles_where_the_peer_leaves_them_open(
        self, setup: str, client: bool
    ) -> None:
        """RFC 5763, section 6.6."""
        ours = secrecy()
        first = agreed(ours, section("UDP/TLS/RTP/SAVP", FINGERPRINT, f"a=setup:{setup}"))
        again = agreed(ours, section("UDP/TLS/RTP/SAVP", FINGERPRINT, "a=setup:actpass"))
        assert isinstance(first, Dtls) and first.client == client
        assert again == first
