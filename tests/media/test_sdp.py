"""Session descriptions are kept line by line and read with bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sdp import MAX_LINE, MAX_LINES, MAX_SECTIONS, Codec, MediaSection, parse, parse_candidate
from signaling.shared.errors import BadMessage

LINPHONE = """v=0
o=bob 2890 1 IN IP4 127.0.0.1
s=Talk
c=IN IP4 127.0.0.1
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
a=record:off
m=audio 7100 RTP/AVP 96 97 0 8 18 101 98
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=fmtp:97 vbr=on
a=fmtp:18 annexb=yes
a=rtpmap:101 telephone-event/48000
a=rtpmap:98 telephone-event/8000
a=rtcp-fb:* ccm tmmbr
m=video 0 RTP/AVP 99
a=rtpmap:99 H264/90000
m=image 7200 udptl t38
c=IN IP4 fax.example.org
"""


def described(lines: str) -> MediaSection:
    return parse(LINPHONE.split("m=audio")[0] + lines).media[0]


class TestLines:
    def test_every_line_comes_out_in_its_order(self) -> None:
        assert str(parse(LINPHONE)) == LINPHONE.replace("\n", "\r\n")

    def test_both_line_ends_are_read(self) -> None:
        assert parse(LINPHONE.replace("\n", "\r\n")) == parse(LINPHONE)

    def test_unknown_sections_are_kept(self) -> None:
        description = parse(LINPHONE)
        assert [media.kind for media in description.media] == ["audio", "video", "image"]
        assert description.media[2].protocol == "udptl"
        assert description.media[2].formats == ("t38",)

    @given(st.text(max_size=300))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            description = parse("v=0\r\n" + text)
        except BadMessage:
            return
        assert str(description).startswith("v=0\r\n")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "hello",
            "v=1",
            "v=0\nx",
            "v=0\n=1",
            "v=0\ns=\0",
            "v=0\ns=a\rb",
            "v=0\n\ns=-",
            "v=0\nm=audio",
            "v=0\nm=audio x RTP/AVP 0",
            "v=0\nm=audio 65536 RTP/AVP 0",
            "v=0\nm=audio -1 RTP/AVP 0",
            "v=0\nm=audio \u0661 RTP/AVP 0",
            "v=0\nm=audio 1 RTP/AVP " + "0 " * 200,
            "v=0\n" + "a=x\n" * MAX_LINES,
            "v=0\n" + "m=audio 1 RTP/AVP 0\n" * (MAX_SECTIONS + 1),
            "v=0\ns=" + "x" * MAX_LINE,
            "v=0\n" + ("s=" + "x" * 4000 + "\n") * 9,
        ],
    )
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(BadMessage):
            parse(text)


class TestSections:
    def test_formats_are_explained_in_their_order(self) -> None:
        codecs = parse(LINPHONE).media[0].codecs()
        assert [codec.key for codec in codecs] == [
            "opus/48000/2",
            "speex/16000",
            "pcmu/8000",
            "pcma/8000",
            "g729/8000",
            "telephone-event/48000",
            "telephone-event/8000",
        ]
        assert codecs[0] == Codec(96, "opus", 48000, 2, "useinbandfec=1")

    def test_a_static_type_needs_no_rtpmap(self) -> None:
        section = described("m=audio 1 RTP/AVP 18\na=fmtp:18 annexb=no")
        assert section.codecs() == [Codec(18, "G729", 8000, 1, "annexb=no")]

    @pytest.mark.parametrize(
        ("number", "key"),
        [
            (0, "pcmu/8000"),
            (3, "gsm/8000"),
            (4, "g723/8000"),
            (8, "pcma/8000"),
            (9, "g722/8000"),
            (10, "l16/44100/2"),
            (11, "l16/44100"),
            (13, "cn/8000"),
            (15, "g728/8000"),
            (18, "g729/8000"),
        ],
    )
    def test_every_static_type_of_a_phone_is_known(self, number: int, key: str) -> None:
        """RFC 3551, table 4."""
        (codec,) = described(f"m=audio 1 RTP/AVP {number}").codecs()
        assert codec.key == key

    def test_a_static_type_with_an_rtpmap_is_what_that_says(self) -> None:
        (codec,) = described("m=audio 1 RTP/AVP 0\na=rtpmap:0 speex/16000").codecs()
        assert codec.key == "speex/16000"

    def test_a_dynamic_type_without_rtpmap_is_left_out(self) -> None:
        assert described("m=audio 1 RTP/AVP 96 8").codecs() == [Codec(8, "PCMA", 8000, 1, "")]

    def test_one_channel_may_be_written_or_not(self) -> None:
        section = described("m=audio 1 RTP/AVP 0\na=rtpmap:0 pcmu/8000/1")
        assert section.codecs()[0].key == "pcmu/8000"

    @pytest.mark.parametrize(
        "line",
        ["a=rtpmap:96 opus", "a=rtpmap:96 opus/x", "a=rtpmap:96 /8000", "a=rtpmap:96 a/1/2/3"],
    )
    def test_a_malformed_rtpmap_is_refused(self, line: str) -> None:
        with pytest.raises(BadMessage):
            described("m=audio 1 RTP/AVP 96\n" + line).codecs()

    def test_a_format_that_is_no_number_is_refused(self) -> None:
        with pytest.raises(BadMessage):
            described("m=audio 1 RTP/AVP zero").codecs()

    def test_the_host_is_the_sections_own_or_the_sessions(self) -> None:
        description = parse(LINPHONE)
        assert description.media[0].host == "127.0.0.1"
        assert description.media[2].host == "fax.example.org"

    def test_a_multicast_scope_is_no_part_of_the_host(self) -> None:
        assert described("m=audio 1 RTP/AVP 0\nc=IN IP4 224.2.1.1/127").host == "224.2.1.1"

    def test_a_malformed_connection_is_refused(self) -> None:
        with pytest.raises(BadMessage):
            _ = described("m=audio 1 RTP/AVP 0\nc=IN").host

    def test_the_direction_is_the_sections_the_sessions_or_sendrecv(self) -> None:
        text = "v=0\na=inactive\nm=audio 1 RTP/AVP 0\na=sendonly\nm=audio 1 RTP/AVP 0"
        assert [media.direction for media in parse(text).media] == ["sendonly", "inactive"]
        assert described("m=audio 1 RTP/AVP 0").direction == "sendrecv"

    def test_attributes_are_read(self) -> None:
        section = described(
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a1\na=rtcp-mux\na=ptime:30\na=setup:actpass\n"
            "a=rtcp:9001 IN IP4 1.2.3.4\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n"
            "a=ice-ufrag:abcd\na=fingerprint:SHA-256 AA:BB\n"
            "a=candidate:1 1 udp 99 1.2.3.4 5000 typ host generation 0\n"
            "a=candidate:2 1 udp 99 x.local 5000 typ host"
        )
        assert (section.mid, section.rtcp_mux, section.ptime_ms) == ("a1", True, 30)
        assert section.rtcp_port == 9001
        assert section.cryptos == ["1 AES_CM_128_HMAC_SHA1_80 inline:x"]
        assert section.inherited("ice-ufrag") == "abcd"
        assert section.inherited("setup") == "actpass"
        assert section.fingerprints == [("sha-256", "AA:BB")]
        assert [candidate.address for candidate in section.candidates] == ["1.2.3.4"]

    def test_transport_lines_may_stand_in_the_session(self) -> None:
        text = "v=0\na=ice-ufrag:abcd\na=fingerprint:sha-256 AA\nm=audio 9 RTP/SAVPF 0"
        section = parse(text).media[0]
        assert section.inherited("ice-ufrag") == "abcd"
        assert section.fingerprints == [("sha-256", "AA")]

    def test_absent_attributes_are_absent(self) -> None:
        section = described("m=audio 9 RTP/AVP 0")
        assert (section.mid, section.rtcp_mux, section.ptime_ms) == (None, False, None)
        assert (section.rtcp_port, section.cryptos, section.candidates) == (10, [], [])

    def test_port_0_is_a_refusal_but_for_a_bundled_section(self) -> None:
        assert described("m=audio 0 RTP/AVP 0").rejected
        assert not described("m=audio 0 RTP/AVP 0\na=bundle-only").rejected

    def test_bundled_mids_are_found(self) -> None:
        description = parse("v=0\na=group:LS 0 1\na=group:BUNDLE 0 1\nm=audio 9 RTP/AVP 0")
        assert description.bundle("1") == ["0", "1"]
        assert description.bundle("2") == []


class TestCandidates:
    def test_a_host_candidate_is_read(self) -> None:
        candidate = parse_candidate("candidate:7 1 UDP 2122 fd00::0001 5000 typ host ufrag x")
        assert candidate is not None
        assert str(candidate) == "7 1 udp 2122 fd00::1 5000 typ host"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "candidate:",
            "candidate:1 1 udp 1 1.2.3.4 5 typ",
            "candidate:1 1 udp 1 abc.local 5000 typ host",
            "candidate:1 1 udp 1 host.example.org 5000 typ host",
            "candidate:1 1 tcp 1 1.2.3.4 9 typ host tcptype active",
            "candidate:1 2 udp 1 1.2.3.4 5000 typ host",
            "candidate:1 1 udp 1 1.2.3.4 0 typ host",
            "candidate:1 1 udp 1 1.2.3.4 65536 typ host",
            "candidate:1 1 udp x 1.2.3.4 5000 typ host",
            "candidate:1 1 udp 99999999999 1.2.3.4 5000 typ host",
            "candidate:1 1 udp 1 1.2.3.4 5000 typ prflx",
            "candidate:1 1 udp 1 1.2.3.4 5000 is host",
            "candidate:1 1 udp 1 0.0.0.0 5000 typ host",
            "candidate:1 1 udp 1 224.0.0.1 5000 typ host",
            "candidate:1 1 udp 1 255.255.255.255 5000 typ host",
            "candidate:" + "1" * 40 + " 1 udp 1 1.2.3.4 5000 typ host",
            "candidate:1 1 udp 1 1.2.3.4 5000 typ host" + " x" * MAX_LINE,
        ],
    )
    def test_one_that_cannot_be_reached_is_none(self, text: str) -> None:
        assert parse_candidate(text) is None

    @given(st.text(max_size=200))
    def test_any_text_is_a_candidate_or_none(self, text: str) -> None:
        parse_candidate("candidate:" + text)
