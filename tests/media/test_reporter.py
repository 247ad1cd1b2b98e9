"""Reports cross real connections: both sides learn what the other lost and how far it is."""

import asyncio

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.reporter import Reporter
from media.rtcp import ntp_time
from tests.media.harness import BROWSER_CODECS, PCMU, browser_calls_phone, quick, talk
from tests.media.peers import Browser, Inbox, Phone, rtp

REPORT_SECONDS = 0.2


@pytest.fixture
def settings() -> MediaSettings:
    return quick(report_seconds=REPORT_SECONDS)


async def sender_report(inbox: Inbox, *, knows: int = 0) -> RtcpSrPacket:
    """The next sender report of ours; `knows`: one that names this report of the peer's."""
    while True:
        sent, description = RtcpPacket.parse(await inbox.report())
        assert isinstance(description, RtcpSdesPacket)
        if isinstance(sent, RtcpSrPacket) and (
            not knows or any(told.lsr == knows for told in sent.reports)
        ):
            return sent


def peers_report(heard: RtcpSrPacket, source: int, now: float, *, lost: int) -> bytes:
    """What a peer with a stream of its own says in return."""
    info = RtcpSenderInfo(
        ntp_timestamp=ntp_time(now), rtp_timestamp=0, packet_count=1, octet_count=1
    )
    told = RtcpReceiverInfo(
        ssrc=heard.ssrc,
        fraction_lost=20,
        packets_lost=lost,
        highest_sequence=100_000,
        jitter=80,
        lsr=heard.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF,
        dlsr=0,
    )
    return bytes(RtcpSrPacket(ssrc=source, sender_info=info, reports=[told]))


class TestCalls:
    @pytest.mark.parametrize("muxed", [False, True])
    async def test_a_phone_and_the_engine_report_to_each_other(
        self, engine: AiortcEngine, *, muxed: bool
    ) -> None:
        async with Phone() as phone, Phone() as control, Browser(BROWSER_CODECS) as browser:
            heard_at, mux = (phone, "rtcp-mux") if muxed else (control, f"rtcp:{control.port}")
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU, mux))
            control.engine = phone.engine
            await talk(browser, phone, 0, 0)
            phone.send(rtp(0, 5))
            first = await sender_report(heard_at.inbox)
            while first.reports[0].highest_sequence < 5:
                first = await sender_report(heard_at.inbox)
            assert first.sender_info.packet_count == 3
            assert first.sender_info.octet_count == 3 * len(b"from the browser")
            told = first.reports[0]
            assert (told.ssrc, told.packets_lost, told.highest_sequence) == (0x1111, 2, 5)
            # Of what came since the report before, if there was one.
            assert told.fraction_lost in {256 * 2 // (6 - before) for before in range(4)}
            answer = peers_report(first, 0x1111, 1234.5, lost=2)
            heard_at.send(answer, port_offset=0 if muxed else 1)
            phone.send(rtp(0, 6))
            await browser.send(rtp(0, 3, source=0x2222))
            await sender_report(heard_at.inbox, knows=ntp_time(1234.5) >> 16 & 0xFFFFFFFF)
            figures = await engine.query("phone")
            assert figures.round_trip_ms is not None and 0 < figures.round_trip_ms < 5000
            assert (figures.sent.lost, figures.sent.jitter_ms) == (2, 10.0)
            assert (figures.received.lost, figures.received.packets) == (2, 5)

    async def test_a_browser_and_the_engine_report_to_each_other_encrypted(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            first = await sender_report(browser.inbox)
            assert first.sender_info.packet_count == 3
            assert first.reports[0].ssrc == 0x2222
            answer = peers_report(first, 0x2222, 99.0, lost=0)
            await browser.send(answer)
            await browser.send(rtp(0, 3, source=0x2222))
            phone.send(rtp(0, 3))
            await sender_report(browser.inbox, knows=ntp_time(99.0) >> 16 & 0xFFFFFFFF)
            figures = await engine.query("web")
            assert figures.round_trip_ms is not None and figures.round_trip_ms > 0
            assert figures.sent.lost == 0

    async def test_who_sends_nothing_any_more_reports_as_a_receiver(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(*PCMU, "rtcp-mux")
            await browser_calls_phone(engine, browser, phone, answer)
            await talk(browser, phone, 0, 0)
            await sender_report(phone.inbox)
            while not isinstance(RtcpPacket.parse(await phone.inbox.report())[0], RtcpRrPacket):
                continue


class TestReporter:
    async def test_a_leg_that_fails_does_not_silence_the_others(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        reporter, failed, asked = Reporter(0.001), asyncio.Event(), asyncio.Event()

        def fail() -> bool:
            failed.set()
            raise ValueError("no")

        def succeed() -> bool:
            asked.set()
            return False

        reporter.add(fail)
        async with asyncio.timeout(5):
            await failed.wait()
            reporter.add(succeed)
            await asked.wait()
        assert "a leg's report failed" in caplog.text

    async def test_a_leg_that_is_closed_is_asked_no_more(self) -> None:
        reporter, asked, others = Reporter(0.001), [0], [0]
        done = asyncio.Event()

        def closed() -> bool:
            asked[0] += 1
            return False

        def talks() -> bool:
            others[0] += 1
            if others[0] == 10:
                done.set()
            return True

        reporter.add(closed)
        reporter.add(talks)
        async with asyncio.timeout(5):
            await done.wait()
        reporter.stop()
        assert asked == [1]
