"""Clients behind a symmetric NAT, and a server that is known to them by another address."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.end_to_end.browser import CHROMIUM, Ended, launch, softphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Line, Linphone
from tests.end_to_end.listening import LISTEN_TWICE_SECONDS, RELAXED_PESQ, hear
from tests.end_to_end.network import HOME_HOST, OUTER, home
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, running_server
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.timeout(LISTEN_TWICE_SECONDS)
async def test_a_page_and_a_linphone_behind_a_symmetric_nat_talk_through_a_server_behind_its_own(
    playwright: Playwright, sounds: Sounds, tmp_path: Path
) -> None:
    ports, theirs = take_ports(), take_ports()
    url = f"http://{OUTER}:{ports.http}"
    settings = {
        "WSPHONE_HTTP__HOST": "0.0.0.0",
        "WSPHONE_HTTP__ALLOWED_ORIGINS": url,
        "WSPHONE_SIP__HOST": "0.0.0.0",
        "WSPHONE_SIP__ADVERTISED_ADDRESS": OUTER,
        "WSPHONE_MEDIA__ADVERTISED_ADDRESS": OUTER,
    }
    line = Line(
        user=BOB.name,
        secret=BOB.secret,
        host=HOME_HOST,
        server=OUTER,
        registrar=ports.sip,
        sip_port=theirs.sip,
        rtp_port=theirs.media_min,
    )
    async with (
        home() as behind,
        running_server(tmp_path, (ALICE, BOB), ports=ports, settings=settings),
    ):
        mine, seen = await behind.ports_seen()
        assert len({mine, *seen}) == 3, "the NAT is not symmetric"
        browser = await launch(
            playwright,
            # a page gets a microphone at localhost, by HTTPS, or where it is told so
            f"--unsafely-treat-insecure-origin-as-secure={url}",
            microphone=sounds.a.looped,
            executable=behind.script(tmp_path, CHROMIUM),
        )
        bob = await Linphone.start(
            line, tmp_path / "bob", speech=sounds.b.looped, inside=behind.inside
        )
        try:
            async with softphone(browser, url) as alice:
                await asyncio.gather(alice.log_in(ALICE.name, ALICE.password), bob.registered())
                bob.call("sip:alice@wsphone.local")
                await alice.rings()
                await alice.accept()
                await alice.talks()
                await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
                await alice.hang_up()
                assert await alice.ended() == Ended("hangup", "callee")
                assert await bob.ended() == ENDED_NORMALLY

                since = bob.mark()
                await alice.dial("bob")
                await bob.rings(since=since)
                bob.answer()
                await alice.talks()
                bob.hang_up()
                assert await alice.ended() == Ended("hangup", "callee")
        finally:
            await browser.close()
            await bob.close()
