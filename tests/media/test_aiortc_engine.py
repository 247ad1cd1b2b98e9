"""Calls through the engine: real ICE, DTLS and SRTP to a browser, plain UDP to a phone."""

import asyncio
import os
import random
import socket
import struct
from collections.abc import Callable

import pytest
import uvloop

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Connected, Digit, Failed, IceCandidate, Profile, Silent
from media.sdp import parse
from signaling.shared.errors import BadMessage, IncompatibleMedia, MediaError, WrongState
from tests.media.harness import (
    BROWSER_CODECS,
    Events,
    browser_calls_phone,
    connect,
    phone_calls_browser,
    quick,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp

PCMU = ("0 101", "rtpmap:101 telephone-event/8000")
OPUS = ("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000")
REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)


async def talk(browser: Browser, phone: Phone, web_type: int, phone_type: int) -> None:
    """Packets flow both ways, with each side's own payload type and our numbering."""
    for number in range(3):
        phone.send(rtp(phone_type, number, b"from the phone"))
        heard = await browser.inbox.packet()
        assert (heard.payload_type, heard.payload) == (web_type, b"from the phone")
        assert heard.source != 0x1111
        await browser.send(rtp(web_type, number, b"from the browser", source=0x2222))
        heard = await phone.inbox.packet()
        assert (heard.payload_type, heard.payload) == (phone_type, b"from the browser")
        assert heard.source != 0x2222


class TestCall:
    @pytest.mark.parametrize(
        ("phone_formats", "codec", "web_type", "phone_type"),
        [(PCMU, "PCMU/8000", 0, 0), (OPUS, "opus/48000/2", 111, 96)],
    )
    async def test_a_browser_and_a_phone_hear_each_other(
        self,
        engine: AiortcEngine,
        events: Events,
        phone_formats: tuple[str, ...],
        codec: str,
        web_type: int,
        phone_type: int,
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(phone_formats[0], *phone_formats[1:])
            # An answer repeats the offer's numbers; this one of opus takes its own.
            assert await browser_calls_phone(engine, browser, phone, answer) == codec
            await talk(browser, phone, web_type, phone_type)
            await events.wait(Connected, leg="web")
            await events.wait(Connected, leg="phone")
            figures = await engine.query("web")
            assert (figures.codec, figures.received, figures.sent) == (codec, 3, 3)
            assert (figures.lost, figures.dropped) == (0, 0)

    async def test_a_phone_calls_a_browser(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            assert await phone_calls_browser(engine, browser, phone, phone.description(*OPUS))
            await talk(browser, phone, 111, 96)

    async def test_a_browser_whose_checks_come_before_its_answer_is_connected(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        # Who wins a conflict of ICE roles is left to chance: several tries.
        for number in range(6):
            leg = f"web{number}"
            async with Browser(BROWSER_CODECS) as browser:
                mine = await engine.open("c", leg, Profile.WEBRTC)
                answer = await browser.answer()
                connecting = asyncio.create_task(browser.connect(mine))
                await browser.checked()
                await engine.accept(leg, answer)
                await connecting
                await events.wait(Connected, leg=leg)

    async def test_a_browser_that_hides_its_addresses_is_found(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS, names_only=True) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)

    @pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_both_event_loops_carry_a_call(
        self, loopback_ice: None, make_loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        async def call() -> None:
            engine = AiortcEngine(quick())
            async with Browser(BROWSER_CODECS) as browser:
                async with Phone() as phone:
                    await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
                    await talk(browser, phone, 0, 0)
                    await engine.close("phone")
                    await engine.close("web")
                    await browser.close()
                assert engine.counts().sockets == 0
                await engine.aclose()

        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(call())

    async def test_two_browsers_are_bridged(self, engine: AiortcEngine) -> None:
        async with Browser({111: "opus/48000/2"}) as alice, Browser({96: "opus/48000/2"}) as bob:
            for leg, browser in (("alice", alice), ("bob", bob)):
                offer = await browser.offer()
                answer = await engine.open("c", leg, Profile.WEBRTC, offer=offer)
                await connect(engine, leg, browser, answer)
            await engine.join("alice", "bob")
            await alice.send(rtp(111, 1, b"hello"))
            heard = await bob.inbox.packet()
            assert (heard.payload_type, heard.payload) == (96, b"hello")

    async def test_closing_says_goodbye_to_both(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(*PCMU, "rtcp-mux")
            await browser_calls_phone(engine, browser, phone, answer)
            await talk(browser, phone, 0, 0)
            await engine.close("phone")
            assert (await phone.inbox.report())[-7] == 203
            await engine.close("web")
            assert (await browser.inbox.report())[-7] == 203


class TestDigits:
    async def test_digits_to_the_phone_hold_the_audio_back(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            await engine.dtmf("phone", "4#", 60)
            await browser.send(rtp(0, 3))
            packets = [await phone.inbox.packet() for _ in range(10)]
            assert {packet.payload_type for packet in packets} == {101}
            codes = [packet.payload[0] for packet in packets]
            assert codes == [4] * 5 + [11] * 5
            numbers = [packet.sequence for packet in packets]
            assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(10)]
            assert [packet.marker for packet in packets].count(True) == 2

    async def test_digits_of_both_sides_are_heard_once_and_passed_on(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            for number in range(3):
                phone.send(rtp(101, 3 + number, b"\x05\x8a\x03\x20", timestamp=480))
                heard = await browser.inbox.packet()
                assert (heard.payload_type, heard.payload) == (126, b"\x05\x8a\x03\x20")
            await browser.send(rtp(126, 9, b"\x0b\x8a\x03\x20"))
            assert (await phone.inbox.packet()).payload_type == 101
            digits = [event for event in events.all if isinstance(event, Digit)]
            assert len(digits) == 2
            assert {(event.leg, event.digit) for event in digits} == {("phone", "5"), ("web", "#")}

    async def test_events_are_dropped_for_a_side_that_takes_none(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser({0: "PCMU/8000"}) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            phone.send(rtp(0, 1, b"before"))
            phone.send(rtp(101, 2, b"\x05\x8a\x03\x20"))
            phone.send(rtp(0, 3, b"after"))
            assert (await browser.inbox.packet()).payload == b"before"
            assert (await browser.inbox.packet()).payload == b"after"
            assert (await engine.query("web")).dropped == 1
            with pytest.raises(IncompatibleMedia):
                await engine.dtmf("web", "1", 100)

    async def test_what_cannot_be_sent_is_refused(self, engine: AiortcEngine) -> None:
        await engine.open("c", "web", Profile.WEBRTC)
        with pytest.raises(WrongState):
            await engine.dtmf("web", "1", 100)
        async with Phone() as phone:
            await engine.open("c", "phone", Profile.RTP, offer=phone.description(*PCMU))
            with pytest.raises(BadMessage):
                await engine.dtmf("phone", "hello", 100)


class TestNegotiation:
    async def test_no_common_codec_is_incompatible_and_leaves_nothing(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone:
            with pytest.raises(IncompatibleMedia):
                engine.codecs(phone.description("18"))
            with pytest.raises(IncompatibleMedia):
                await engine.open(
                    "c", "phone", Profile.RTP, offer=phone.description("0"), codecs=("PCMA/8000",)
                )
        assert engine.counts().legs == 0

    async def test_a_bad_transport_leaves_nothing(self, engine: AiortcEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            offer = (await browser.offer()).replace("a=ice-pwd:", "a=x-pwd:")
            with pytest.raises(BadMessage):
                await engine.open("c", "web", Profile.WEBRTC, offer=offer)
            assert engine.counts().sockets == 0

    async def test_legs_of_different_codecs_are_not_joined(self, engine: AiortcEngine) -> None:
        async with Phone() as one, Phone() as two:
            await engine.open("c", "one", Profile.RTP, offer=one.description("0"))
            await engine.open("c", "two", Profile.RTP, offer=two.description("8"))
            with pytest.raises(IncompatibleMedia, match="PCMU/8000 and PCMA/8000"):
                await engine.join("one", "two")
            with pytest.raises(WrongState):
                await engine.join("one", "one")

    async def test_a_leg_without_an_answer_is_not_joined(self, engine: AiortcEngine) -> None:
        async with Phone() as phone:
            await engine.open("c", "one", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "two", Profile.RTP)
            with pytest.raises(WrongState):
                await engine.join("one", "two")

    async def test_a_phone_may_answer_early_and_again(self, engine: AiortcEngine) -> None:
        async with Phone() as early, Phone() as final:
            mine = await engine.open("c", "phone", Profile.RTP, peer=LOOPBACK)
            for phone in (early, final):
                phone.call(mine)
                assert await engine.accept("phone", phone.description("0")) == "PCMU/8000"
            other = await engine.open("c", "other", Profile.RTP, offer=early.description("0"))
            early.call(other)
            await engine.join("phone", "other")
            early.send(rtp(0, 1, b"hello"))
            assert (await final.inbox.packet()).payload == b"hello"

    async def test_a_browser_answers_once(self, engine: AiortcEngine) -> None:
        await engine.open("c", "web", Profile.WEBRTC)
        async with Browser(BROWSER_CODECS) as browser:
            answer = await browser.answer()
            await engine.accept("web", answer)
            with pytest.raises(WrongState):
                await engine.accept("web", answer)

    async def test_an_unknown_leg_is_a_media_error_but_for_its_end(
        self, engine: AiortcEngine
    ) -> None:
        await engine.close("nobody")
        await engine.candidates("nobody", [])
        with pytest.raises(MediaError):
            await engine.query("nobody")
        with pytest.raises(MediaError):
            await engine.join("nobody", "nobody")

    async def test_a_name_is_used_once_at_a_time(self, engine: AiortcEngine) -> None:
        await engine.open("c", "leg", Profile.RTP)
        with pytest.raises(MediaError):
            await engine.open("c", "leg", Profile.RTP)
        await engine.close("leg")
        await engine.open("c", "leg", Profile.RTP)

    async def test_the_advertised_address_replaces_ours_for_all_but_loopback(
        self, loopback_ice: None
    ) -> None:
        engine = AiortcEngine(MediaSettings(advertised_address="198.51.100.7", loopback=True))
        candidates = parse(await engine.open("c", "web", Profile.WEBRTC)).media[0].candidates
        outer = {item.address for item in candidates} - {LOOPBACK}
        assert outer <= {"198.51.100.7"}
        near = parse(await engine.open("c", "phone", Profile.RTP, peer=LOOPBACK)).media[0]
        assert near.host == LOOPBACK
        await engine.aclose()


class TestSources:
    async def test_a_strangers_packets_are_ignored(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as listener, Phone("127.0.0.9") as stranger:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            other = await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            stranger.call(mine)
            listener.call(other)
            stranger.send(rtp(0, 1, b"boo"))
            phone.send(rtp(0, 1, b"hello"))
            assert (await listener.inbox.packet()).payload == b"hello"
            stranger.send(rtp(0, 2, b"boo"))
            phone.send(rtp(0, 2, b"again"))
            assert (await listener.inbox.packet()).payload == b"again"
            assert (await engine.query("phone")).dropped == 2

    async def test_the_first_port_of_a_host_is_kept(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Phone() as neighbour, Phone() as listener:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            neighbour.call(mine)
            phone.send(rtp(0, 1, b"hello"))
            await listener.inbox.packet()
            neighbour.send(rtp(0, 2, b"boo"))
            phone.send(rtp(0, 2, b"again"))
            assert (await listener.inbox.packet()).payload == b"again"

    async def test_a_phone_behind_nat_is_answered_where_it_sends_from(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Phone() as listener:
            offer = phone.description("0", host="192.168.77.7")
            mine = await engine.open("c", "phone", Profile.RTP, offer=offer, peer=LOOPBACK)
            other = await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            listener.call(other)
            phone.send(rtp(0, 1))
            await listener.inbox.packet()
            listener.send(rtp(0, 1, b"to you"))
            assert (await phone.inbox.packet()).payload == b"to you"

    async def test_garbage_at_the_ports_harms_nothing(self, engine: AiortcEngine) -> None:
        rng = random.Random(7)
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            for _ in range(300):
                # First bytes of every kind that shares the port: STUN, DTLS, RTP, RTCP.
                head = bytes([rng.choice([0, 1, 20, 22, 63, 128, 144, 191, 255])])
                junk = head + rng.randbytes(rng.choice([0, 1, 11, 12, 20, 60, 1600]))
                phone.send(junk)
                phone.send(junk, port_offset=1)
                await browser.send_raw(junk)
                # Let the loop read, or the sockets' buffers would overflow.
                await asyncio.sleep(0)
            while not browser.inbox.media.empty():
                await browser.inbox.packet()
            await browser.send(rtp(0, 50, b"still here", source=0x2222))
            while (await phone.inbox.packet()).payload != b"still here":
                continue


class TestJoin:
    async def test_a_third_leg_takes_over_and_the_stream_goes_on(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as old, Phone() as new, Phone() as other:
            for name, phone in (("old", old), ("new", new), ("other", other)):
                phone.call(await engine.open("c", name, Profile.RTP, offer=phone.description("0")))
            await engine.join("old", "other")
            old.send(rtp(0, 100, b"one"))
            first = await other.inbox.packet()
            await engine.join("new", "other")
            old.send(rtp(0, 101, b"late"))
            new.send(rtp(0, 9000, b"two"))
            second = await other.inbox.packet()
            assert second.payload == b"two"
            assert second.source == first.source
            assert second.marker
            assert (second.sequence - first.sequence) & 0xFFFF == 1
            assert 160 <= (second.timestamp - first.timestamp) & 0xFFFFFFFF < 160000
            other.send(rtp(0, 1, b"back"))
            assert (await new.inbox.packet()).payload == b"back"
            assert old.inbox.media.empty()

    async def test_a_side_that_only_sends_is_sent_nothing(self, engine: AiortcEngine) -> None:
        async with Phone() as music, Phone() as listener:
            for name, phone, direction in (
                ("music", music, "sendonly"),
                ("listener", listener, "recvonly"),
            ):
                offer = phone.description("0", direction)
                phone.call(await engine.open("c", name, Profile.RTP, offer=offer))
            await engine.join("music", "listener")
            listener.send(rtp(0, 1))
            music.send(rtp(0, 1))
            await listener.inbox.packet()
            assert (await engine.query("music")).sent == 0

    async def test_a_listener_that_fails_does_not_stop_the_audio(
        self, engine: AiortcEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: object) -> None:
            raise ValueError("no")

        engine.listen(fail)
        async with Phone() as one, Phone() as two:
            one.call(await engine.open("c", "one", Profile.RTP, offer=one.description("0")))
            await engine.open("c", "two", Profile.RTP, offer=two.description("0"))
            await engine.join("one", "two")
            one.send(rtp(0, 1, b"hello"))
            assert (await two.inbox.packet()).payload == b"hello"
        assert "a listener failed on Connected" in caplog.text


class TestSilence:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(silent_seconds=0.2)

    async def test_a_joined_leg_that_falls_silent_is_reported_once_each_time(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=other.description("0"))
            phone.call(mine)
            await engine.join("phone", "other")
            silent = await events.wait(Silent, leg="phone")
            assert silent.seconds >= 0.2
            phone.send(rtp(0, 1))
            await events.wait(Silent, leg="phone", nth=2)
            of_other = [event for event in events.all if event.leg == "other"]
            assert [type(event) for event in of_other] == [Silent]

    async def test_reports_alone_keep_a_leg_alive(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=other.description("0"))
            phone.call(mine)
            await engine.join("phone", "other")

            async def report() -> None:
                while True:
                    phone.send(REPORT, port_offset=1)
                    await asyncio.sleep(0.02)

            reporting = asyncio.create_task(report())
            await events.wait(Silent, leg="other")
            assert not [event for event in events.all if event.leg == "phone"]
            reporting.cancel()
            await events.wait(Silent, leg="phone")


class TestFailure:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return MediaSettings(
            host=LOOPBACK, loopback=True, port_min=30000, port_max=30009, connect_seconds=0.3
        )

    async def test_a_browser_that_never_comes_fails_in_words(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            await browser.close()
            failed = await events.wait(Failed)
            assert failed.detail == "no address of the browser could be reached by ICE within 0.3 s"

    async def test_a_wrong_certificate_fails(self, engine: AiortcEngine, events: Events) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            offer = await browser.offer()
            head, _, tail = offer.partition("a=fingerprint:")
            offer = (
                head + "a=fingerprint:sha-256 " + ":".join(["00"] * 32) + tail[tail.index("\r") :]
            )
            await browser.connect(await engine.open("c", "web", Profile.WEBRTC, offer=offer))
            assert "DTLS" in (await events.wait(Failed)).detail
            assert not [event for event in events.all if isinstance(event, Connected)]

    async def test_a_browser_that_ends_its_transport_fails(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            await browser.connect(
                await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            )
            await events.wait(Connected)
            await browser.close()
            assert "ended" in (await events.wait(Failed)).detail

    async def test_ports_run_out_in_words(self, engine: AiortcEngine) -> None:
        for number in range(5):
            await engine.open("c", f"leg{number}", Profile.RTP)
        with pytest.raises(MediaError, match="30000-30009: 5 in use"):
            await engine.open("c", "one too many", Profile.RTP)
        await engine.close("leg0")
        with pytest.raises(MediaError, match="1 resting"):
            await engine.open("c", "too soon", Profile.RTP)
        assert engine.counts().legs == 4

    @pytest.mark.parametrize("profile", list(Profile))
    async def test_a_cancelled_opening_leaves_nothing(
        self, engine: AiortcEngine, profile: Profile
    ) -> None:
        for _ in range(4):
            opening = asyncio.create_task(engine.open("c", "leg", profile))
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            assert (engine.counts().legs, engine.counts().sockets) == (0, 0)
        for port in range(30000, 30010):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((LOOPBACK, port))

    async def test_a_leg_closed_while_it_opens_is_told_so(self, engine: AiortcEngine) -> None:
        opening = asyncio.create_task(engine.open("c", "leg", Profile.RTP))
        await asyncio.sleep(0)
        await engine.close("leg")
        with pytest.raises(MediaError, match="closed while it opened"):
            await opening
        assert engine.counts().sockets == 0


class TestCandidates:
    async def test_garbage_is_passed_over_and_a_good_one_connects(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS, names_only=True) as browser:
            answer = await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            lines = ["", "garbage", "candidate:1 1 udp 1 x.local 9 typ host", "\x00" * 50]
            lines += browser.candidate_lines()
            await engine.candidates("web", [IceCandidate(line, "audio0", 0) for line in lines])
            await browser.connect(answer)
            await events.wait(Connected)

    async def test_the_twenty_first_is_not_tried(self, engine: AiortcEngine) -> None:
        async with (
            Browser(BROWSER_CODECS, names_only=True) as browser,
            Phone() as twentieth,
            Phone() as more,
        ):
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            ports = [*range(40000, 40019), twentieth.port, more.port]
            candidates = [
                IceCandidate(f"candidate:{n} 1 udp {n + 1} 127.0.0.1 {port} typ host", "0", 0)
                for n, port in enumerate(ports)
            ]
            await engine.candidates("web", candidates[:12])
            await engine.candidates("web", candidates[12:])
            # The last has the highest priority: it would have been tried before.
            await twentieth.inbox.packet()
            assert more.inbox.media.empty()


async def test_twenty_calls_leave_nothing_behind(engine: AiortcEngine) -> None:
    async def call() -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await engine.close("web")
            await engine.close("phone")

    await call()
    descriptors = len(os.listdir("/proc/self/fd"))
    tasks = len(asyncio.all_tasks())
    for _ in range(20):
        await call()
    counts = engine.counts()
    assert (counts.legs, counts.sockets, counts.tasks) == (0, 0, 0)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert len(asyncio.all_tasks()) == tasks
