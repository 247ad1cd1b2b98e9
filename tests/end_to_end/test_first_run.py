"""A newcomer's way: from an empty store over the first steps to a call with a new Linphone."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, expect

from tests.end_to_end.browser import Ended, Softphone, softphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Line, Linphone
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, ROOT, Person, Server, running_server
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")

# `make screenshots` takes them into docs/; a test run leaves what is committed alone.
SHOTS = ROOT / "build" / "screenshots"
SHOWN = ROOT / "docs" / "screenshots"
MAX_SHOT_BYTES = 150_000
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=800)
NEWCOMER_SECONDS = 120

Provision = Callable[[str], Awaitable[Linphone]]


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(tmp_path: Path) -> AsyncIterator[Server]:
    """A server on an empty store with two people who have no phones, as they are new."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    people = (Person(ALICE.name, ALICE.password, ""), Person(BOB.name, BOB.password, ""))
    async with running_server(folder, people, ring_seconds=30) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def provisioned(sounds: Sounds, tmp_path: Path) -> AsyncIterator[Provision]:
    """Starts a telephone that knows nothing but the address of its settings."""
    started: list[Linphone] = []

    async def start(address: str) -> Linphone:
        ports = take_ports()
        line = Line(
            user="nobody", sip_port=ports.sip, rtp_port=ports.media_min, settings_from=address
        )
        phone = await Linphone.start(line, tmp_path / "linphone", speech=sounds.b.looped)
        started.append(phone)
        return phone

    yield start
    for phone in started:
        await phone.close()


async def shoot(
    phone: Softphone,
    name: str,
    *,
    size: ViewportSize = PHONE,
    colours: Literal["light", "dark"] = "light",
) -> None:
    """A picture for the README of what is on the screen now."""
    await phone.page.set_viewport_size(size)
    await phone.page.emulate_media(color_scheme=colours, reduced_motion="reduce")
    path = SHOTS / f"{name}.png"
    await phone.page.screenshot(path=path)
    assert path.stat().st_size < MAX_SHOT_BYTES
    assert (SHOWN / path.name).is_file(), "make screenshots"


@pytest.mark.timeout(NEWCOMER_SECONDS)
async def test_a_newcomer_is_led_to_a_call_with_linphone(
    chromium: Browser, fresh: Server, provisioned: Provision
) -> None:
    async with softphone(chromium, fresh.url) as alice:
        await alice.log_in(ALICE.name, ALICE.password)
        await expect(alice.part("start")).to_be_visible()
        await shoot(alice, "first-steps-desktop", size=DESKTOP)

        await alice.part("start-microphone").click()
        await expect(alice.part("start-heard")).to_have_text("We hear you.", timeout=15_000)
        await shoot(alice, "first-steps")

        await alice.part("choose-linphone").click()
        await alice.part("make-phone").click()
        await expect(alice.part("phone-qr")).to_be_visible()
        await alice.part("phone-qr").scroll_into_view_if_needed()
        address = await alice.part("phone-url").inner_text()
        linphone = await provisioned(address)
        await linphone.registered()

        await alice.part("look-again").click()
        own_phone = alice.part("start-people").get_by_role("button", name=re.compile("you, on"))
        await own_phone.click()
        assert "alice" in await linphone.rings()
        await alice.in_state("ringing")
        linphone.answer()
        await alice.talks()
        await linphone.talks()
        await alice.hang_up()
        assert await linphone.ended() == ENDED_NORMALLY

        await expect(alice.part("start-words")).to_contain_text("That was your first call")
        await alice.part("finish").click()
        await alice.part("view-calls").click()
        await expect(alice.part("calls-list")).to_contain_text("Talked for")


async def test_the_pictures_of_the_readme_show_the_page_as_it_is(
    chromium: Browser, fresh: Server
) -> None:
    async with softphone(chromium, fresh.url) as alice, softphone(chromium, fresh.url) as bob:
        for phone, person in ((alice, ALICE), (bob, BOB)):
            await phone.log_in(person.name, person.password)
            await phone.part("finish").click()
        await alice.dial("bob")
        assert await bob.rings() == "alice"
        await shoot(bob, "incoming", colours="dark")
        await bob.accept()
        await alice.talks()
        await expect(alice.part("call-figures")).to_be_visible(timeout=15_000)
        await shoot(alice, "in-call")
        await shoot(bob, "in-call-dark", colours="dark")
        await alice.hang_up()
        assert await bob.ended() == Ended("hangup", "caller")
        assert await alice.ended() == Ended("hangup", "caller")
        await alice.part("view-people").click()
        await expect(alice.part("people-list")).to_contain_text("Reachable")
        await shoot(alice, "people")
        await shoot(alice, "desktop", size=DESKTOP)
        await shoot(alice, "desktop-dark", size=DESKTOP, colours="dark")
