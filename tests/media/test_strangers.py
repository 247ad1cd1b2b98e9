"""At a phone leg's ports: no audio to whom it was not asked for by himself, none from others."""

import asyncio

import pytest

from media import rtcp, rtp_leg
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Profile
from tests.media.harness import quick
from tests.media.peers import LOOPBACK, Phone, rtp

ELSEWHERE = "127.0.0.9"
"""A host that does not signal."""


async def joined(engine: AiortcEngine, described: Phone, talker: Phone, *lines: str) -> str:
    """A leg whose peer signals from loopback, joined to the talker's; our answer to it."""
    mine = await engine.open(
        "c", "phone", Profile.RTP, offer=described.description("0", *lines), peer=LOOPBACK
    )
    other = talker.description("0", "rtcp-mux")
    talker.call(await engine.open("c", "other", Profile.RTP, offer=other))
    await engine.join("phone", "other")
    return mine


def report(source: int) -> bytes:
    sender = rtcp.SenderInfo(ntp=0, timestamp=0, packets=1, octets=1)
    return rtcp.report(source, "peer", sender, None)


async def speak(phone: Phone, listener: Phone, packets: int = 1) -> None:
    """The phone is heard by the listener, one packet after the other."""
    for number in range(packets):
        phone.send(rtp(0, number, b"mine"))
        assert (await listener.inbox.packet()).payload == b"mine"


class TestAnAddressThatDoesNotSignal:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(report_seconds=0.02)

    async def test_it_gets_nothing_before_it_speaks(self, engine: AiortcEngine) -> None:
        async with Phone(ELSEWHERE) as victim, Phone() as talker:
            mine = await joined(engine, victim, talker, "rtcp-mux")
            talker.send(rtp(0, 1, b"not for you"))
            # Reports go to all legs in turn: these are rounds that passed the victim over.
            for _ in range(3):
                await talker.inbox.report()
            assert victim.inbox.control.empty()
            assert (await engine.query("phone")).dropped == 1
            victim.call(mine)
            await speak(victim, talker)
            talker.send(rtp(0, 2, b"for you"))
            assert (await victim.inbox.packet()).payload == b"for you"
            await victim.inbox.report()

    async def test_its_ear_for_reports_gets_none_before_one_came_from_there(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone(ELSEWHERE) as victim, Phone(ELSEWHERE) as ear, Phone() as talker:
            mine = await joined(engine, victim, talker, f"rtcp:{ear.port}")
            for phone in (victim, ear):
                phone.call(mine)
            await speak(victim, talker)
            for _ in range(3):
                await talker.inbox.report()
            assert ear.inbox.control.empty()
            ear.send(report(0x1111), port_offset=1)
            await ear.inbox.report()


class TestATrustedNetwork:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return MediaSettings(host=LOOPBACK, loopback=True, trusted_networks=("127.0.0.8/29",))

    async def test_it_is_sent_to_at_once(self, engine: AiortcEngine) -> None:
        async with Phone(ELSEWHERE) as gateway, Phone() as talker:
            await joined(engine, gateway, talker)
            talker.send(rtp(0, 1, b"for you"))
            assert (await gateway.inbox.packet()).payload == b"for you"


class TestOnceSpeechFlows:
    @pytest.fixture(autouse=True)
    def no_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Any silence is long enough."""
        monkeypatch.setattr(rtp_leg, "MOVED_SECONDS", 0.0)

    async def test_a_neighbour_does_not_take_over_and_the_phone_itself_does(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Phone() as neighbour, Phone() as moved, Phone() as talker:
            mine = await joined(engine, phone, talker)
            for each in (phone, neighbour, moved):
                each.call(mine)
            await speak(phone, talker, rtp_leg.SPEECH_PACKETS)
            neighbour.send(rtp(0, 99, b"boo", source=0x9999))
            await self._is_dropped(engine)
            talker.send(rtp(0, 1, b"secret"))
            assert (await phone.inbox.packet()).payload == b"secret"
            moved.send(rtp(0, 20, b"from the new port"))
            assert (await talker.inbox.packet()).payload == b"from the new port"
            talker.send(rtp(0, 2, b"to the new port"))
            assert (await moved.inbox.packet()).payload == b"to the new port"
            assert neighbour.inbox.media.empty()

    async def test_who_was_merely_quicker_gives_way_to_the_phone(
        self, engine: AiortcEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rtp_leg, "MOVED_SECONDS", 60.0)
        async with Phone() as phone, Phone() as neighbour, Phone() as talker:
            mine = await joined(engine, phone, talker)
            for each in (phone, neighbour):
                each.call(mine)
            neighbour.send(rtp(0, 99, b"boo", source=0x9999))
            await talker.inbox.packet()
            await speak(phone, talker, 3)
            neighbour.send(rtp(0, 100, b"boo", source=0x9999))
            await self._is_dropped(engine)

    async def test_who_sends_no_sound_of_the_call_is_not_the_phone(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Phone() as neighbour, Phone() as talker:
            neighbour.call(await joined(engine, phone, talker))
            neighbour.send(rtp(77, 1, b"boo"))
            await self._is_dropped(engine)
            talker.send(rtp(0, 1, b"for the phone"))
            assert (await phone.inbox.packet()).payload == b"for the phone"

    @pytest.mark.parametrize("stranger", [ELSEWHERE, LOOPBACK])
    async def test_reports_of_strangers_are_not_heard(
        self, engine: AiortcEngine, stranger: str
    ) -> None:
        async with (
            Phone() as phone,
            Phone() as ear,
            Phone(stranger) as neighbour,
            Phone() as talker,
        ):
            mine = await joined(engine, phone, talker, f"rtcp:{ear.port}")
            for each in (phone, ear, neighbour):
                each.call(mine)
            await speak(phone, talker)
            ear.send(report(0x1111), port_offset=1)
            neighbour.send(report(0x1111), port_offset=1)
            await self._is_dropped(engine)

    async def _is_dropped(self, engine: AiortcEngine) -> None:
        async with asyncio.timeout(5):
            while True:
                if (await engine.query("phone")).dropped:
                    return
                await asyncio.sleep(0)
