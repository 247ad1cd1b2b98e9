"""A phone's new offers for a leg that talks: hold, resume, another address, no other codec."""

import pytest

from media.aiortc_engine import MediaSettings
from media.engine import OwnEngine, Profile, Silent
from media.g711 import translation
from media.sdp import Description, parse
from signaling.shared.errors import IncompatibleMedia, MediaError, WrongState
from tests.media.harness import BOTH_ENGINES, BROWSER_CODECS, PCMU, Events, quick
from tests.media.peers import LOOPBACK, Browser, Phone, rtp


async def joined(engine: OwnEngine, phone: Phone, other: Phone) -> Description:
    """Two phones that talk; what the engine answered the first with."""
    answer = await engine.open(
        "c", "phone", Profile.RTP, offer=phone.description(*PCMU), peer=LOOPBACK
    )
    theirs = await engine.open("c", "other", Profile.RTP, offer=other.description(*PCMU))
    phone.call(answer)
    other.call(theirs)
    await engine.join("phone", "other")
    return parse(answer)


def directed(text: str, direction: str) -> str:
    return text + f"a={direction}\r\n"


@BOTH_ENGINES
class TestHold:
    @pytest.mark.parametrize(
        ("direction", "mirrored"),
        [
            ("sendonly", "recvonly"),
            ("inactive", "inactive"),
            ("recvonly", "sendonly"),
            ("sendrecv", "sendrecv"),
        ],
    )
    async def test_each_direction_is_answered_by_its_mirror(
        self, engine: OwnEngine, direction: str, mirrored: str
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            offer = directed(phone.description(*PCMU), direction)
            answer = parse(await engine.update("phone", offer))
            assert answer.media[0].direction == mirrored

    async def test_an_address_of_zeros_is_a_hold_too(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            offer = phone.description(*PCMU).replace("IP4 127.0.0.1", "IP4 0.0.0.0")
            answer = parse(await engine.update("phone", offer))
            assert answer.media[0].direction == "recvonly"

    async def test_a_phone_that_holds_hears_nothing_until_it_comes_back(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            other.send(rtp(0, 1))
            before = await phone.inbox.packet()
            await engine.update("phone", directed(phone.description(*PCMU), "sendonly"))
            phone.send(rtp(0, 1))
            other.send(rtp(0, 2))
            await other.inbox.packet()
            await engine.update("phone", phone.description(*PCMU))
            other.send(rtp(0, 3, payload=b"back"))
            after = await phone.inbox.packet()
            assert after.payload == b"back"
            # What was held back is not lost to the phone.
            assert after.sequence == (before.sequence + 1) & 0xFFFF

    async def test_the_description_keeps_its_name_and_raises_its_version(
        self, engine: OwnEngine
    ) -> None:
        """RFC 3264, section 8."""
        async with Phone() as phone, Phone() as other:
            first = await joined(engine, phone, other)
            second = parse(await engine.update("phone", phone.description(*PCMU)))
            origins = [
                next(line for line in each.session.lines if line.startswith("o="))
                for each in (first, second)
            ]
            assert origins[1] == origins[0].replace(" 1 IN", " 2 IN")
            assert second.media[0].port == first.media[0].port


@BOTH_ENGINES
class TestSilence:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(silent_seconds=0.2)

    async def test_a_phone_that_holds_may_be_silent(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.update("phone", directed(phone.description(*PCMU), "sendonly"))
            await events.wait(Silent, leg="other")
            await engine.update("phone", phone.description(*PCMU))
            await events.wait(Silent, leg="phone")
            assert [event.leg for event in events.all if isinstance(event, Silent)][0] == "other"


@BOTH_ENGINES
class TestMoving:
    async def test_the_phone_is_heard_from_where_it_says_it_is_now(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as moved, Phone() as other:
            mine = await joined(engine, phone, other)
            phone.send(rtp(0, 1))
            await other.inbox.packet()
            await engine.update("phone", moved.description(*PCMU))
            moved.engine = (LOOPBACK, mine.media[0].port)
            other.send(rtp(0, 1))
            await moved.inbox.packet()
            moved.send(rtp(0, 9, payload=b"here"))
            assert (await other.inbox.packet()).payload == b"here"


@BOTH_ENGINES
class TestAnotherCodec:
    async def test_a_phone_may_change_its_codec_and_the_other_keeps_its_own(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            answer = parse(await engine.update("phone", phone.description("8")))
            assert answer.media[0].formats == ("8",)
            other.send(rtp(0, 1, payload=translation("PCMA/8000", "PCMU/8000")))
            heard = await phone.inbox.packet()
            assert (heard.payload_type, heard.payload[:9]) == (8, bytes(range(9)))
            await engine.update("phone", phone.description(*PCMU))
            other.send(rtp(0, 2, payload=b"as it is"))
            assert (await phone.inbox.packet()).payload == b"as it is"


@BOTH_ENGINES
class TestRefusing:
    async def test_a_codec_that_we_do_not_carry_is_refused_and_nothing_changes(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            with pytest.raises(IncompatibleMedia):
                await engine.update("phone", phone.description("18"))
            other.send(rtp(0, 1))
            await phone.inbox.packet()

    async def test_a_browser_moves_by_new_generations_instead(self, engine: OwnEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            with pytest.raises(WrongState):
                await engine.update("web", "v=0\r\n")

    async def test_a_leg_that_is_gone_takes_nothing(self, engine: OwnEngine) -> None:
        with pytest.raises(MediaError):
            await engine.update("gone", "v=0\r\n")
