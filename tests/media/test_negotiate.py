"""One codec and telephone-event are agreed on, and told in the words of each profile."""

import pytest

from media import descriptions, negotiate
from media.descriptions import RtpLocal, WebrtcLocal
from media.engine import Profile
from media.negotiate import Agreement, RtpRemote
from media.sdp import Candidate, Description, parse
from signaling.shared.errors import BadMessage, IncompatibleMedia

FINGERPRINT = ":".join(["AB"] * 32)
RTP = RtpLocal("192.0.2.1", 10000)
WEBRTC = WebrtcLocal(
    ufrag="Ours",
    password="p" * 22,
    fingerprint=FINGERPRINT,
    candidates=(Candidate("1", 99, "192.0.2.1", 10002, "host"),),
)


def phone(formats: str, *attributes: str, protocol: str = "RTP/AVP", port: int = 7100) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    lines += [f"m=audio {port} {protocol} {formats}", *(f"a={item}" for item in attributes)]
    return "\r\n".join(lines) + "\r\n"


OPUS_PHONE = phone(
    "96 0 8 101 99",
    "rtpmap:96 OPUS/48000/2",
    "rtpmap:101 telephone-event/8000",
    "rtpmap:99 telephone-event/48000",
)

BROWSER = (
    "v=0\r\no=- 5 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS x\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:MNxF\r\na=ice-pwd:" + "q" * 24 + "\r\n"
    "a=candidate:3 1 udp 2122 192.0.2.7 50000 typ host generation 0\r\n"
    f"a=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=rtcp-mux\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10\r\n"
    "a=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
    "a=rtpmap:126 telephone-event/8000\r\na=ssrc:1 cname:x\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
)


def answer_to(offer: str, local: descriptions.Local, *allowed: str) -> Description:
    profile = Profile.RTP if isinstance(local, RtpLocal) else Profile.WEBRTC
    description = parse(offer)
    agreement = negotiate.agree(description, profile, allowed)
    return parse(descriptions.make_answer(description, agreement, local, session_id=7))


class TestCarried:
    def test_the_order_is_the_offers(self) -> None:
        assert negotiate.carried(parse(BROWSER)) == (
            "opus/48000/2",
            "G722/8000",
            "PCMU/8000",
            "PCMA/8000",
        )
        assert negotiate.carried(parse(phone("8 0"))) == ("PCMA/8000", "PCMU/8000")

    def test_an_offer_without_our_codecs_is_incompatible_in_words(self) -> None:
        with pytest.raises(IncompatibleMedia, match="opus/48000/2, PCMU/8000"):
            negotiate.carried(parse(phone("18 3")))

    @pytest.mark.parametrize("protocol", ["TCP/RTP/AVP", "udptl", "UDP/TLS/UDPTL"])
    def test_another_way_to_travel_is_incompatible(self, protocol: str) -> None:
        with pytest.raises(IncompatibleMedia, match=protocol):
            negotiate.carried(parse(phone("0", protocol=protocol)))

    @pytest.mark.parametrize("offer", [phone("0", port=0), "v=0\nm=video 9 RTP/AVP 96"])
    def test_no_audio_is_incompatible(self, offer: str) -> None:
        with pytest.raises(IncompatibleMedia):
            negotiate.carried(parse(offer))

    def test_the_first_of_two_audio_sections_that_we_carry_is_used(self) -> None:
        offer = phone("0", protocol="TCP/RTP/AVP") + (
            "m=audio 7200 RTP/AVP 8\r\nm=audio 7300 RTP/SAVP 0\r\n"
        )
        assert negotiate.carried(parse(offer)) == ("PCMA/8000",)
        answer = answer_to(offer, RTP)
        assert [section.port for section in answer.media] == [0, 10000, 0]


class TestAgree:
    def test_opus_wins_where_both_have_it(self) -> None:
        offer = phone("0 96", "rtpmap:96 opus/48000/2")
        assert negotiate.agree(parse(offer), Profile.RTP).codec == "opus/48000/2"

    def test_a_codec_is_known_by_its_name_and_rate_and_not_by_its_number(self) -> None:
        offer = phone(
            "111 0 9 96 97",
            "rtpmap:111 speex/16000",
            "rtpmap:0 PCMU/16000",
            "rtpmap:9 L16/8000",
            "rtpmap:96 pcma/8000",
            "rtpmap:97 opus/16000",
        )
        agreement = negotiate.agree(parse(offer), Profile.RTP)
        assert (agreement.codec, agreement.payload_type) == ("PCMA/8000", 96)
        assert negotiate.carried(parse(offer)) == ("PCMA/8000",)

    def test_else_the_offers_first_wins(self) -> None:
        allowed = ("PCMU/8000", "PCMA/8000")
        assert negotiate.agree(parse(phone("8 0")), Profile.RTP, allowed).codec == "PCMA/8000"

    def test_events_follow_the_codecs_clock(self) -> None:
        offer = parse(OPUS_PHONE)
        assert negotiate.agree(offer, Profile.RTP) == Agreement(
            codec="opus/48000/2",
            clock_rate=48000,
            payload_type=96,
            event_type=99,
            heard=frozenset({96}),
            heard_events=frozenset({99}),
            peer_listens=True,
            peer_talks=True,
            event_rate=48000,
        )
        narrow = negotiate.agree(offer, Profile.RTP, ("PCMU/8000",))
        assert (narrow.event_type, narrow.event_rate) == (101, 8000)

    def test_a_peer_with_events_of_another_clock_is_understood(self) -> None:
        attributes = ("rtpmap:96 opus/48000/2", "rtpmap:101 telephone-event/8000")
        offer = parse(phone("96 101", *attributes))
        agreement = negotiate.agree(offer, Profile.RTP)
        assert (agreement.event_type, agreement.event_rate) == (101, 8000)
        answer = descriptions.make_answer(offer, agreement, RTP, session_id=7)
        assert "a=rtpmap:101 telephone-event/8000\r\n" in answer

    def test_a_peer_without_events_gets_none(self) -> None:
        agreement = negotiate.agree(parse(phone("0")), Profile.RTP)
        assert agreement.event_type is None
        assert agreement.heard_events == frozenset()

    def test_no_codec_that_we_carry_is_incompatible(self) -> None:
        with pytest.raises(IncompatibleMedia, match="PCMU/8000"):
            negotiate.agree(parse(phone("18")), Profile.RTP)

    def test_without_a_preferred_codec_its_own_opus_or_first_is_chosen(self) -> None:
        assert negotiate.agree(parse(OPUS_PHONE), Profile.RTP, ("G722/8000",)).codec[:4] == "opus"
        assert negotiate.agree(parse(phone("8 0")), Profile.RTP, ("G722/8000",)).codec[:4] == "PCMA"

    def test_the_current_codec_stays_while_it_is_offered(self) -> None:
        def codec(formats: str) -> str:
            offer = parse(phone(formats))
            return negotiate.agree(offer, Profile.RTP, ("PCMU/8000",), current="PCMA/8000").codec

        assert [codec("0 8"), codec("0 9")] == ["PCMA/8000", "PCMU/8000"]

    @pytest.mark.parametrize(
        ("attributes", "length"),
        [
            ((), 20),
            (("ptime:30",), 30),
            (("ptime:25.5",), 20),
            (("ptime:5",), 10),
            (("ptime:200",), 60),
            (("ptime:60", "maxptime:40"), 40),
            (("ptime:what",), 20),
        ],
    )
    def test_packets_are_as_long_as_the_peer_wants(
        self, attributes: tuple[str, ...], length: int
    ) -> None:
        offer = parse(phone("0", *attributes))
        assert negotiate.agree(offer, Profile.RTP).ptime_ms == length

    def test_opus_is_sent_in_frames_that_it_has(self) -> None:
        offer = parse(phone("96", "rtpmap:96 opus/48000/2", "ptime:30"))
        assert negotiate.agree(offer, Profile.RTP).ptime_ms == 20

    def test_comfort_noise_is_agreed_on_only_where_sound_is_transcoded(self) -> None:
        offer = parse(phone("0 13"))
        transcoded = negotiate.agree(offer, Profile.RTP, ("opus/48000/2",))
        assert transcoded.noise_type == 13
        answer = parse(descriptions.make_answer(offer, transcoded, RTP, session_id=7))
        assert answer.media[0].formats == ("0", "13")
        assert negotiate.agree(offer, Profile.RTP, ("PCMU/8000",)).noise_type is None
        assert negotiate.agree(parse(phone("0")), Profile.RTP, ("opus/48000/2",)).noise_type is None

    def test_a_phone_is_no_browser(self) -> None:
        with pytest.raises(IncompatibleMedia):
            negotiate.agree(parse(OPUS_PHONE), Profile.WEBRTC)

    def test_a_direction_of_the_whole_session_counts_for_its_audio(self) -> None:
        offer = parse(phone("0").replace("t=0 0", "t=0 0\r\na=sendonly"))
        agreement = negotiate.agree(offer, Profile.RTP)
        assert (agreement.peer_listens, agreement.peer_talks) == (False, False)
        answer = descriptions.make_answer(offer, agreement, RTP, session_id=7)
        assert parse(answer).media[0].direction == "recvonly"

    @pytest.mark.parametrize(
        ("direction", "listens"),
        [("sendrecv", True), ("recvonly", True), ("sendonly", False), ("inactive", False)],
    )
    def test_a_peer_that_only_sends_does_not_listen(self, direction: str, listens: bool) -> None:
        agreement = negotiate.agree(parse(phone("0", direction)), Profile.RTP)
        assert agreement.peer_listens is listens


class TestReadAnswer:
    def test_the_answers_numbers_are_sent_and_both_are_heard(self) -> None:
        answer = phone("120 121", "rtpmap:120 opus/48000/2", "rtpmap:121 telephone-event/48000")
        agreement = negotiate.read_answer(parse(answer), Profile.RTP)
        assert (agreement.payload_type, agreement.event_type) == (120, 121)
        assert agreement.heard == {111, 120}
        assert agreement.heard_events == {110, 121}

    def test_the_first_of_several_codecs_is_taken(self) -> None:
        agreement = negotiate.read_answer(parse(phone("8 0")), Profile.RTP)
        assert agreement.codec == "PCMA/8000"

    def test_of_several_codecs_the_first_that_passes_through_is_used(self) -> None:
        answer = parse(phone("8 9 0"))
        agreement = negotiate.read_answer(answer, Profile.RTP, ("PCMU/8000", "G722/8000"))
        assert (agreement.codec, agreement.payload_type) == ("G722/8000", 9)

    def test_a_codec_that_has_to_be_transcoded_is_better_than_none(self) -> None:
        answer = parse(phone("8"))
        assert negotiate.read_answer(answer, Profile.RTP, ("PCMU/8000",)).codec == "PCMA/8000"

    def test_a_codec_that_we_do_not_carry_is_incompatible(self) -> None:
        with pytest.raises(IncompatibleMedia):
            negotiate.read_answer(parse(phone("18")), Profile.RTP)

    def test_a_refusal_is_incompatible(self) -> None:
        with pytest.raises(IncompatibleMedia, match="refused"):
            negotiate.read_answer(parse(phone("0", port=0)), Profile.RTP)


class TestRtp:
    def test_the_remote_is_read(self) -> None:
        assert negotiate.rtp_remote(parse(OPUS_PHONE)) == RtpRemote("192.0.2.9", 7100, 7101, False)

    @pytest.mark.parametrize("host", ["phone.example.org", "0.0.0.0"])
    def test_a_host_that_is_no_address_is_none(self, host: str) -> None:
        offer = parse(OPUS_PHONE.replace("c=IN IP4 192.0.2.9", f"c=IN IP4 {host}"))
        assert negotiate.rtp_remote(offer).host is None

    def test_a_linphone_offer_with_bare_parameters_fax_and_video_is_answered(self) -> None:
        """fmtp:18 without an rtpmap, T.38, and a c= that is a name."""
        offer = phone(
            "96 18 0 101",
            "rtpmap:96 opus/48000/2",
            "fmtp:18 annexb=yes",
            "rtpmap:101 telephone-event/48000",
            "ptime:20",
        ).replace("c=IN IP4 192.0.2.9", "c=IN IP4 phone.example.org")
        offer += "m=image 7300 udptl t38\r\nm=video 7200 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
        audio, image, video = answer_to(offer, RTP).media
        assert (audio.formats, audio.port) == (("96", "101"), RTP.port)
        assert [each.rejected for each in (image, video)] == [True, True]

    def test_our_offer_names_all_codecs_opus_first_and_events_at_each_rate(self) -> None:
        offer = parse(descriptions.make_offer(RTP, (), session_id=7))
        section = offer.media[0]
        assert [codec.key for codec in section.codecs()] == [
            "opus/48000/2",
            "pcmu/8000",
            "pcma/8000",
            "g722/8000",
            "telephone-event/48000",
            "telephone-event/8000",
        ]
        assert (section.host, section.port, section.protocol) == ("192.0.2.1", 10000, "RTP/AVP")
        assert (section.direction, section.ptime_ms) == ("sendrecv", 20)
        assert section.mid is None and not section.rtcp_mux
        assert "useinbandfec=1" in section.codecs()[0].fmtp

    def test_our_offer_is_bounded_by_the_codecs_of_the_call(self) -> None:
        offer = parse(descriptions.make_offer(RTP, ("PCMU/8000", "opus/48000/2"), session_id=7))
        assert [codec.name for codec in offer.media[0].codecs()][:2] == ["opus", "PCMU"]

    def test_an_unknown_codec_is_not_offered(self) -> None:
        with pytest.raises(IncompatibleMedia):
            descriptions.make_offer(RTP, ("G729/8000",), session_id=7)

    def test_our_answer_names_one_codec_and_events_by_the_offers_numbers(self) -> None:
        section = answer_to(OPUS_PHONE, RTP).media[0]
        assert section.formats == ("96", "99")
        assert [codec.key for codec in section.codecs()] == [
            "opus/48000/2",
            "telephone-event/48000",
        ]

    @pytest.mark.parametrize(
        ("offered", "answered"),
        [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
    )
    def test_the_direction_is_mirrored(self, offered: str, answered: str) -> None:
        assert answer_to(phone("0", offered), RTP).media[0].direction == answered

    def test_other_sections_are_refused_in_their_place(self) -> None:
        offer = OPUS_PHONE + "m=video 7200 RTP/AVP 97\r\nm=image 7300 udptl t38\r\n"
        answer = answer_to(offer, RTP)
        assert [(section.kind, section.port) for section in answer.media] == [
            ("audio", 10000),
            ("video", 0),
            ("image", 0),
        ]

    def test_rtcp_is_muxed_only_if_offered(self) -> None:
        assert answer_to(phone("0", "rtcp-mux"), RTP).media[0].rtcp_mux
        assert not answer_to(phone("0"), RTP).media[0].rtcp_mux

    def test_an_ipv6_address_is_told_as_such(self) -> None:
        offer = descriptions.make_offer(RtpLocal("2001:db8::1", 10000), (), session_id=7)
        assert "c=IN IP6 2001:db8::1\r\n" in offer


class TestWebrtc:
    def test_the_remote_is_read(self) -> None:
        remote = negotiate.webrtc_remote(parse(BROWSER))
        assert (remote.ufrag, remote.password) == ("MNxF", "q" * 24)
        assert remote.fingerprints == (("sha-256", FINGERPRINT),)
        assert not remote.dtls_client and not remote.ice_lite
        assert [candidate.port for candidate in remote.candidates] == [50000]

    def test_our_offer_has_all_that_a_browser_needs(self) -> None:
        offer = parse(descriptions.make_offer(WEBRTC, (), session_id=7))
        section = offer.media[0]
        assert offer.bundle("0") == ["0"]
        assert section.protocol == "UDP/TLS/RTP/SAVPF"
        assert section.rtcp_mux and section.inherited("setup") == "actpass"
        assert section.inherited("ice-ufrag") == "Ours"
        assert section.fingerprints == [("sha-256", FINGERPRINT)]
        assert section.candidates == list(WEBRTC.candidates)
        assert section.attribute("end-of-candidates") == ""

    def test_our_answer_takes_the_mid_and_refuses_the_rest_of_the_bundle(self) -> None:
        answer = answer_to(BROWSER, WEBRTC, "PCMU/8000")
        audio, video, application = answer.media
        assert answer.session.attributes("group") == ["BUNDLE 0"]
        assert (audio.mid, audio.formats) == ("0", ("0", "126"))
        assert audio.inherited("setup") == "active"
        assert (video.port, video.mid, video.direction) == (0, "1", "inactive")
        assert (application.port, application.mid) == (0, "2")
        assert application.formats == ("webrtc-datachannel",)

    def test_nothing_of_the_other_side_is_repeated(self) -> None:
        answer = str(answer_to(BROWSER, WEBRTC))
        for ours_alone in ("a=ssrc", "a=extmap", "50000", "MNxF", "rtcp-fb", "red/"):
            assert ours_alone not in answer

    def test_a_peer_that_begins_dtls_gets_a_passive_answer(self) -> None:
        offer = BROWSER.replace("a=setup:actpass", "a=setup:active")
        assert answer_to(offer, WEBRTC).media[0].inherited("setup") == "passive"
        assert negotiate.webrtc_remote(parse(offer)).dtls_client

    def test_an_offer_without_mids_is_answered_without_a_bundle(self) -> None:
        offer = BROWSER.replace("a=mid:0\r\n", "").replace("a=group:BUNDLE 0 1 2\r\n", "")
        answer = answer_to(offer, WEBRTC)
        assert answer.media[0].mid is None
        assert answer.session.attributes("group") == []

    def test_a_bundle_only_section_uses_the_tagged_ones_transport(self) -> None:
        head, audio = BROWSER.split("m=audio")
        audio = "m=audio" + audio.split("m=video")[0]
        owner = audio.replace("m=audio", "m=video").replace("a=mid:0", "a=mid:1")
        guest = (
            "\r\n".join(
                line for line in audio.split("\r\n") if "ice-" not in line and "fingerp" not in line
            ).replace("m=audio 9", "m=audio 0")
            + "a=bundle-only\r\n"
        )
        offer = head.replace("BUNDLE 0 1 2", "BUNDLE 1 0") + owner + guest
        assert negotiate.webrtc_remote(parse(offer)).ufrag == "MNxF"

    @pytest.mark.parametrize(
        ("gone", "error"),
        [
            ("a=rtcp-mux\r\n", IncompatibleMedia),
            (f"a=fingerprint:sha-256 {FINGERPRINT}\r\n", IncompatibleMedia),
            ("a=ice-ufrag:MNxF\r\n", BadMessage),
            ("a=ice-pwd:" + "q" * 24 + "\r\n", BadMessage),
        ],
    )
    def test_what_a_transport_needs_is_asked_for(self, gone: str, error: type[Exception]) -> None:
        with pytest.raises(error):
            negotiate.webrtc_remote(parse(BROWSER.replace(gone, "")))

    @pytest.mark.parametrize("ufrag", ["abc", "a b c d", "abc\u00e9", "x" * 257])
    def test_a_malformed_ufrag_is_refused(self, ufrag: str) -> None:
        with pytest.raises(BadMessage):
            negotiate.webrtc_remote(parse(BROWSER.replace("MNxF", ufrag)))

    def test_candidates_are_bounded(self) -> None:
        many = "".join(f"a=candidate:1 1 udp 9 192.0.2.7 {p} typ host\r\n" for p in range(1, 99))
        offer = BROWSER.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\n" + many)
        assert len(negotiate.webrtc_remote(parse(offer)).candidates) == negotiate.MAX_CANDIDATES
