"""Both families of addresses, on either leg; and what others are told of ours."""

from collections.abc import AsyncIterator

import aioice.ice
import pytest

from media import addresses, leg_maker
from media.addresses import address_facing, public_address
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Profile
from media.sdp import parse
from signaling.shared.errors import MediaError
from tests.media.harness import (
    BROWSER_CODECS,
    PCMU,
    browser_calls_phone,
    phone_calls_browser,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp

SIX = "::1"
OUTER = "203.0.113.7"
OUTER_SIX = "2001:db8::7"


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AiortcEngine]:
    """An engine of a host with two addresses, one of each family."""
    monkeypatch.setattr(leg_maker, "host_addresses", lambda **_: [LOOPBACK, SIX])
    engine = AiortcEngine(MediaSettings(loopback=True, port_min=30000, port_max=31999))
    yield engine
    await engine.aclose()


def browser_of(host: str, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser that has this address only."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [host])
    return Browser(BROWSER_CODECS)


class TestCalls:
    @pytest.mark.parametrize("browsers", [LOOPBACK, SIX])
    @pytest.mark.parametrize("phones", [LOOPBACK, SIX])
    async def test_a_browser_and_a_phone_of_any_family_hear_each_other(
        self, engine: AiortcEngine, monkeypatch: pytest.MonkeyPatch, browsers: str, phones: str
    ) -> None:
        async with Phone(phones) as phone, browser_of(browsers, monkeypatch) as browser:
            offer = phone.description(*PCMU)
            await phone_calls_browser(engine, browser, phone, offer, peer=phones)
            assert phone.engine[0] == phones
            await talk(browser, phone, 0, 0)

    @pytest.mark.parametrize("phones", [LOOPBACK, SIX])
    async def test_we_offer_a_phone_the_family_that_it_signals_in(
        self, engine: AiortcEngine, monkeypatch: pytest.MonkeyPatch, phones: str
    ) -> None:
        async with Phone(phones) as phone, browser_of(LOOPBACK, monkeypatch) as browser:
            answer = phone.description(*PCMU)
            await browser_calls_phone(engine, browser, phone, answer, peer=phones)
            assert phone.engine[0] == phones
            await talk(browser, phone, 0, 0)

    @pytest.mark.parametrize(("signals", "phones"), [(LOOPBACK, SIX), (SIX, LOOPBACK)])
    async def test_a_phone_that_signals_in_the_other_family_is_answered_in_its_medias(
        self, engine: AiortcEngine, signals: str, phones: str
    ) -> None:
        async with Phone(phones) as phone, Phone() as talker:
            offer = phone.description("0")
            phone.call(await engine.open("c", "phone", Profile.RTP, offer=offer, peer=signals))
            talker.call(await engine.open("c", "other", Profile.RTP, offer=talker.description("0")))
            await engine.join("phone", "other")
            phone.send(rtp(0, 1, b"hello"))
            assert (await talker.inbox.packet()).payload == b"hello"
            talker.send(rtp(0, 1, b"you too"))
            assert (await phone.inbox.packet()).payload == b"you too"

    async def test_a_browser_is_offered_every_address_at_one_port(
        self, engine: AiortcEngine
    ) -> None:
        section = parse(await engine.open("c", "web", Profile.WEBRTC)).media[0]
        assert [each.address for each in section.candidates] == [LOOPBACK, SIX]
        assert {each.port for each in section.candidates} == {section.port}


class TestAFixedHost:
    async def test_a_phone_of_the_other_family_is_refused_in_words(self) -> None:
        engine = AiortcEngine(MediaSettings(host=LOOPBACK))
        with pytest.raises(MediaError, match=r"media\.host is not of the phone's family"):
            await engine.open("c", "phone", Profile.RTP, peer=SIX)
        await engine.aclose()


class TestOurAddress:
    def test_it_is_towards_the_host_that_signals(self) -> None:
        assert address_facing(LOOPBACK, None) == LOOPBACK
        assert address_facing(SIX, SIX) == SIX
        assert address_facing(None, SIX) == SIX
        assert address_facing(None, None) is None

    def test_it_is_of_the_descriptions_family(self) -> None:
        assert address_facing(LOOPBACK, SIX) == SIX
        assert address_facing(SIX, LOOPBACK) == LOOPBACK

    def test_without_that_family_it_is_of_the_signallings(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        towards = addresses.address_towards

        def without_six(host: str) -> str:
            if host == SIX:
                raise MediaError("no route")
            return towards(host)

        monkeypatch.setattr(addresses, "address_towards", without_six)
        assert address_facing(LOOPBACK, SIX) == LOOPBACK


class TestTheAdvertisedAddress:
    @pytest.mark.parametrize(
        ("local", "advertised", "told"),
        [
            ("10.0.0.5", None, "10.0.0.5"),
            ("10.0.0.5", OUTER, OUTER),
            ("fd00::5", OUTER_SIX, OUTER_SIX),
            ("fd00::5", OUTER, "fd00::5"),
            ("10.0.0.5", OUTER_SIX, "10.0.0.5"),
            (LOOPBACK, OUTER, LOOPBACK),
            (SIX, OUTER_SIX, SIX),
        ],
    )
    def test_it_replaces_those_of_its_family_that_others_could_reach(
        self, local: str, advertised: str | None, told: str
    ) -> None:
        assert public_address(local, advertised) == told
