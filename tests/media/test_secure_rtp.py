"""Secure RTP between two engines: every suite, both DTLS roles, what breaks, what changes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from media import sdes
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Connected, Failed, Profile, Security
from media.sdp import parse
from signaling.shared.errors import IncompatibleMedia
from tests.end_to_end.waiting import eventually
from tests.media.harness import Events, quick
from tests.media.openings import ELSEWHERE, DtlsPhone, PlainPhone, SdesPhone
from tests.media.peers import LOOPBACK, Phone, rtp

KEYED = [Security.OPTIONAL, Security.REQUIRED]


@dataclass
class Trunk:
    """Two engines with a phone of plain RTP each, and between them a leg each: near and far.

    The near end offers.
    """

    near: AiortcEngine
    far: AiortcEngine
    near_phone: Phone
    far_phone: Phone

    def __post_init__(self) -> None:
        self.near_events, self.far_events = Events(self.near), Events(self.far)

    async def offer(self, security: Security) -> str:
        return await self.near.open(
            "c", "trunk", Profile.RTP, codecs=("PCMU/8000",), peer=LOOPBACK, security=security
        )

    async def answer(self, offer: str, security: Security = Security.OPTIONAL) -> str:
        return await self.far.open(
            "c",
            "trunk",
            Profile.RTP,
            offer=offer,
            codecs=("PCMU/8000",),
            peer=LOOPBACK,
            security=security,
        )

    async def accept(self, answer: str) -> None:
        await self.near.accept("trunk", answer)
        for engine, phone in ((self.near, self.near_phone), (self.far, self.far_phone)):
            text = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            phone.call(text)
            await engine.join("phone", "trunk")

    async def connect(self, offer: str) -> tuple[str, str]:
        answer = await self.answer(offer)
        await self.accept(answer)
        return offer, answer

    async def shake_hands(self) -> None:
        for events in (self.near_events, self.far_events):
            await events.wait(Connected, leg="trunk")

    async def talk(self, first: int = 1) -> None:
        for speaker, listener in (
            (self.near_phone, self.far_phone),
            (self.far_phone, self.near_phone),
        ):
            for number in (first, first + 1):
                speaker.send(rtp(0, number, b"speech" * 20))
                assert (await listener.inbox.packet()).payload == b"speech" * 20


@pytest.fixture
async def trunk(engine: AiortcEngine, settings: MediaSettings) -> AsyncIterator[Trunk]:
    far = AiortcEngine(settings)
    async with Phone() as one, Phone() as two:
        yield Trunk(engine, far, one, two)
    await far.aclose()
    assert (far.counts().legs, far.counts().sockets, far.counts().tasks) == (0, 0, 0)


def only(offer: str, suite: str) -> str:
    """The offer with one of its a=crypto lines left."""
    lines = offer.split("\r\n")
    return "\r\n".join(
        line for line in lines if not line.startswith("a=crypto:") or f" {suite} " in line
    )


def without(text: str, *starts: str) -> str:
    return "\r\n".join(line for line in text.split("\r\n") if not line.startswith(starts))


class Translated(SdesPhone):
    """A phone behind NAT: it describes a port that is not its own."""

    def description(self, formats: str, *attributes: str, host: str | None = None) -> str:
        text = super().description(formats, *attributes, host=host)
        return text.replace(f"m=audio {self.port} ", "m=audio 4004 ")


class Beset(DtlsPhone):
    """A phone whose handshake somebody elsewhere begins before it does."""

    def __init__(self, stranger: PlainPhone) -> None:
        super().__init__()
        self._stranger = stranger

    def call(self, engine_description: str) -> None:
        super().call(engine_description)
        self._stranger.call(engine_description)
        self._stranger.send(b"\x16\xfe\xfd" + bytes(60))


class TestSdes:
    @pytest.mark.parametrize("suite", [suite.name for suite in sdes.OFFERED])
    async def test_each_suite_of_our_offers_carries_speech_both_ways(
        self, trunk: Trunk, suite: str
    ) -> None:
        offer, answer = await trunk.connect(only(await trunk.offer(Security.REQUIRED), suite))
        ours, theirs = (parse(text).media[0] for text in (offer, answer))
        assert ours.protocol == theirs.protocol == "RTP/SAVP"
        assert len(theirs.cryptos) == 1
        assert theirs.cryptos[0].split()[:2] == ours.cryptos[0].split()[:2]
        assert theirs.cryptos[0] != ours.cryptos[0]
        await trunk.talk()

    async def test_sound_goes_to_where_the_key_was_heard_from(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Translated() as phone, PlainPhone() as other:
            await phone.join(engine, "translated")
            await other.join(engine, "other")
            await engine.join("translated", "other")
            await phone.speak(rtp(0, 1, b"from behind"))
            assert (await other.inbox.packet()).payload == b"from behind"
            await events.wait(Connected, leg="translated")
            await other.speak(rtp(0, 1, b"to there"))
            assert (await phone.inbox.packet()).payload == b"to there"

    async def test_an_optional_offer_is_plain_rtp_with_keys_beside_it(self, trunk: Trunk) -> None:
        """RFC 8643."""
        offer, answer = await trunk.connect(await trunk.offer(Security.OPTIONAL))
        assert parse(offer).media[0].protocol == parse(answer).media[0].protocol == "RTP/AVP"
        assert len(parse(offer).media[0].cryptos) == len(sdes.OFFERED)
        assert len(parse(answer).media[0].cryptos) == 1
        await trunk.talk()

    @pytest.mark.parametrize("starts", [("a=crypto",), ("a=crypto", "a=fingerprint", "a=setup")])
    async def test_what_the_far_end_does_not_take_of_an_optional_offer_is_left_out(
        self, trunk: Trunk, starts: tuple[str, ...]
    ) -> None:
        offer = without(await trunk.offer(Security.OPTIONAL), *starts)
        _, answer = await trunk.connect(offer)
        assert ("a=fingerprint" in answer) == ("a=fingerprint" in offer)
        assert "a=crypto" not in answer
        if "a=fingerprint" in offer:
            await trunk.shake_hands()
        await trunk.talk()

    async def test_nothing_passes_under_a_wrong_key_and_all_of_it_is_counted(
        self, trunk: Trunk
    ) -> None:
        offer = await trunk.offer(Security.REQUIRED)
        answer = await trunk.answer(offer)
        line = parse(answer).media[0].cryptos[0]
        other = parse(offer).media[0].cryptos[0].split()[2]
        await trunk.accept(answer.replace(line.split()[2], other))
        trunk.far_phone.send(rtp(0, 1))
        trunk.far_phone.send(rtp(0, 2))
        # Back the right way, as a sign that the packets before it were handled.
        trunk.near_phone.send(rtp(0, 1))
        await trunk.far_phone.inbox.packet()
        await eventually(lambda: trunk.near.query("trunk"), lambda figures: figures.dropped == 2)
        assert trunk.near_phone.inbox.media.empty()
        assert (await trunk.near.query("trunk")).received.packets == 0

    async def test_plain_packets_from_the_right_host_are_dropped(self, trunk: Trunk) -> None:
        offer, _ = await trunk.connect(await trunk.offer(Security.REQUIRED))
        async with Phone() as stranger:
            stranger.call(offer)
            stranger.send(rtp(0, 1, b"boo"))
            stranger.send(b"\x80")
            stranger.send(bytes(40))
            stranger.send(bytes([22]) * 40)
            await trunk.talk()
        assert (await trunk.near.query("trunk")).dropped == 4

    async def test_reports_are_protected_too(self, engine: AiortcEngine) -> None:
        async with Phone() as phone:
            offer = await engine.open("c", "leg", Profile.RTP, security=Security.REQUIRED)
            line = parse(offer).media[0].cryptos[-1]
            answer = phone.description("0", f"crypto:{line}", "rtcp-mux")
            await engine.accept("leg", answer.replace("RTP/AVP", "RTP/SAVP"))
            await engine.close("leg")
            goodbye = await phone.inbox.report()
        # The header and the SSRC are in the clear; the rest, with index and tag, is not.
        assert goodbye[1] in (200, 201) and len(goodbye) % 4 == 2
        assert b"\x01\x10" not in goodbye[8:]


class TestPolicy:
    async def test_required_refuses_plain_rtp_and_says_so(self, engine: AiortcEngine) -> None:
        async with Phone() as phone:
            with pytest.raises(IncompatibleMedia, match="plain RTP/AVP.*srtp is required"):
                await engine.open(
                    *("c", "leg", Profile.RTP),
                    offer=phone.description("0"),
                    security=Security.REQUIRED,
                )
            await engine.open("c", "leg", Profile.RTP, security=Security.REQUIRED)
            with pytest.raises(IncompatibleMedia, match="plain RTP/AVP"):
                await engine.accept("leg", phone.description("0"))

    async def test_none_refuses_secure_rtp_and_passes_over_keys_beside_plain_rtp(
        self, trunk: Trunk
    ) -> None:
        with pytest.raises(IncompatibleMedia, match="RTP/SAVP"):
            await trunk.answer(await trunk.offer(Security.REQUIRED), Security.NONE)
        await trunk.near.close("trunk")
        offer = await trunk.offer(Security.OPTIONAL)
        answer = await trunk.answer(offer, Security.NONE)
        assert "a=crypto" not in answer and "a=fingerprint" not in answer
        await trunk.accept(answer)
        await trunk.talk()


class TestDtls:
    async def test_a_record_from_elsewhere_is_not_taken_for_the_peers_first(
        self, engine: AiortcEngine
    ) -> None:
        async with PlainPhone(ELSEWHERE) as stranger, Beset(stranger) as phone:
            await phone.join(engine, "beset")
            await phone.hang_up()

    @pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
    @pytest.mark.parametrize("mux", [False, True])
    async def test_each_role_carries_speech_both_ways(
        self, trunk: Trunk, setup: str, mux: bool
    ) -> None:
        offer = (await trunk.offer(Security.DTLS)).replace("a=setup:actpass", f"a=setup:{setup}")
        assert parse(offer).media[0].protocol == "UDP/TLS/RTP/SAVP"
        assert "a=crypto" not in offer
        _, answer = await trunk.connect(offer + "a=rtcp-mux\r\n" * mux)
        expected = "active" if setup == "passive" else "passive"
        assert parse(answer).media[0].attribute("setup") == expected
        await trunk.shake_hands()
        await trunk.talk()

    async def test_reports_come_through_an_association_of_their_own(self, trunk: Trunk) -> None:
        offer = await trunk.offer(Security.DTLS)
        await trunk.connect(offer)
        await trunk.shake_hands()
        await trunk.talk()
        await eventually(
            lambda: trunk.near.query("trunk"), lambda figures: figures.sent.lost is not None
        )

    async def test_another_certificate_than_the_described_one_fails_in_plain_words(
        self, trunk: Trunk
    ) -> None:
        offer = await trunk.offer(Security.DTLS)
        print_ = parse(offer).media[0].fingerprints[0][1]
        answer = await trunk.answer(offer.replace(print_, ":".join(["AB"] * 32)))
        await trunk.accept(answer)
        failure = await trunk.far_events.wait(Failed, leg="trunk")
        assert "certificate" in failure.detail
        trunk.far_phone.send(rtp(0, 1))
        assert not (await trunk.far.query("trunk")).sent.packets


class TestHandshakeTime:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(connect_seconds=0.2)

    async def test_a_peer_that_never_shakes_hands_fails_in_plain_words(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone:
            offer = phone.description(
                "0", "setup:passive", f"fingerprint:sha-256 {':'.join(['AB'] * 32)}"
            )
            text = offer.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
            await engine.open("c", "leg", Profile.RTP, offer=text, security=Security.OPTIONAL)
            failure = await events.wait(Failed, leg="leg")
            assert failure.detail == "no DTLS handshake with the phone within 0.2 s"


class TestChanges:
    async def test_a_new_key_is_taken_without_a_gap(self, trunk: Trunk) -> None:
        """What is under way by the old key still comes through."""
        offer, answer = await trunk.connect(await trunk.offer(Security.REQUIRED))
        await trunk.talk()
        line = parse(offer).media[0].cryptos[0]
        fresh = str(sdes.Crypto(1, sdes.GCM_256, bytes(range(44)), sdes.GCM_256.name))
        again = parse(await trunk.far.update("trunk", offer.replace(line, fresh)))
        # Ours stays, so that our packets go on under the count that they have.
        assert again.media[0].cryptos == parse(answer).media[0].cryptos
        await trunk.talk(first=3)

    async def test_a_hold_keeps_the_keys(self, trunk: Trunk) -> None:
        offer, answer = await trunk.connect(await trunk.offer(Security.REQUIRED))
        await trunk.talk()
        for direction in ("a=sendonly", "a=sendrecv"):
            text = await trunk.far.update("trunk", offer.replace("a=sendrecv", direction))
            assert parse(text).media[0].cryptos == parse(answer).media[0].cryptos
        await trunk.talk(first=3)

    async def test_a_hold_keeps_the_association(self, trunk: Trunk) -> None:
        offer = await trunk.offer(Security.DTLS)
        await trunk.connect(offer)
        await trunk.shake_hands()
        await trunk.talk()
        for direction in ("a=sendonly", "a=sendrecv"):
            await trunk.far.update("trunk", offer.replace("a=sendrecv", direction))
        await trunk.talk(first=3)

    async def test_a_call_becomes_secure_and_plain_again_as_the_peer_offers(
        self, trunk: Trunk
    ) -> None:
        offer = await trunk.offer(Security.REQUIRED)
        plain = without(offer.replace("RTP/SAVP", "RTP/AVP"), "a=crypto", "a=fingerprint", "a=set")
        assert "a=crypto" not in await trunk.answer(plain)
        answer = await trunk.far.update("trunk", offer)
        await trunk.accept(answer)
        await trunk.talk()
        assert parse(await trunk.far.update("trunk", plain)).media[0].protocol == "RTP/AVP"
