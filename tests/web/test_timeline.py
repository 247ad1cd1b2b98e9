"""Administrators see in the page why a call went as it did; nobody else is offered it."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from signaling.branches import Verdict
from signaling.shared.reasons import EndReason
from signaling.timeline import What
from tests.end_to_end.server import ALICE, BOB, DORA, running_server
from tests.web.house import House, Tab, free_ports
from tests.web.test_access import complaints

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def office(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A house that has an administrator."""
    folder = tmp_path_factory.mktemp("office")
    async with running_server(folder, (DORA, BOB, ALICE), ports=free_ports()) as server:
        yield House(server, browser)


async def decline(dora: Tab, bob: Tab) -> None:
    await dora.call("bob")
    await bob.part("decline").click()
    await dora.in_state("ended")
    await dora.part("dismiss").click()


async def open_newest(dora: Tab) -> None:
    await dora.view("calls")
    await dora.part("calls-all").click()
    await dora.part("server-call").first.click()
    await expect(dora.part("timeline-title")).to_be_focused()


async def test_a_declined_call_shows_who_declined_and_every_step(office: House) -> None:
    async with office.tab(BOB) as bob, office.tab(DORA) as dora:
        await decline(dora, bob)
        await open_newest(dora)
        await expect(dora.part("timeline-title")).to_have_text("dora@wsphone.local → bob")
        await expect(dora.part("timeline-outcome")).to_contain_text("declined (603)")
        (fate,) = await dora.part("timeline-lanes").locator(".fate").all_inner_texts()
        assert "refused (declined)" in fate
        steps = await dora.part("timeline-hops").locator("li").all_inner_texts()
        told = " ".join(" ".join(steps).split())
        order = ["calls", "was asked to ring", "rings", "hears that it rings", "refuses", "ended"]
        places = [told.index(word) for word in order]
        assert places == sorted(places)
        assert re.match(r"\+0\.0\d\d\n", steps[0])


async def test_a_call_to_somebody_without_a_phone_says_so_at_once(office: House) -> None:
    async with office.tab(DORA) as dora:
        await dora.call("alice")
        await dora.in_state("ended")
        await dora.part("dismiss").click()
        await open_newest(dora)
        timeline = dora.part("timeline")
        await expect(timeline).to_contain_text("There was nothing that could ring.")
        await expect(timeline).to_contain_text("no phone could be reached (480)")


async def test_the_way_back_leads_to_the_same_row(office: House) -> None:
    async with office.tab(DORA) as dora:
        await dora.call("nobody")
        await dora.in_state("ended")
        await dora.part("dismiss").click()
        await open_newest(dora)
        await dora.part("timeline-back").press("Enter")
        await expect(dora.part("server-call").first).to_be_focused()
        await dora.part("calls-own").click()
        await expect(dora.part("calls-list")).to_be_visible()
        await expect(dora.part("all-calls-list")).to_be_hidden()


async def test_a_change_of_language_changes_an_open_timeline(office: House) -> None:
    async with office.tab(DORA) as dora:
        await dora.call("nobody")
        await dora.in_state("ended")
        await dora.part("dismiss").click()
        await open_newest(dora)
        await dora.view("settings")
        await dora.part("choose-language").select_option("de")
        await dora.view("calls")
        await expect(dora.part("timeline-outcome")).to_contain_text("niemand hat diese Adresse")
        await expect(dora.part("timeline-hops")).to_contain_text("beendete den Anruf")


async def test_others_are_not_offered_the_calls_of_everybody(office: House) -> None:
    async with office.tab(BOB) as bob:
        await bob.view("calls")
        await expect(bob.part("calls-all")).to_be_hidden()


async def test_what_cannot_be_fetched_is_said(office: House) -> None:
    async with office.tab(DORA) as dora:
        await dora.page.route("**/api/admin/**", lambda route: route.fulfill(status=503))
        await dora.view("calls")
        await dora.part("calls-all").click()
        await expect(dora.part("all-calls-words")).to_contain_text("could not be fetched")
        await dora.page.unroute("**/api/admin/**")
        await dora.part("all-calls-look").click()
        await expect(dora.part("all-calls-words")).not_to_contain_text("could not")


@pytest.mark.parametrize(
    ("colours", "width", "height"), [("light", 390, 844), ("dark", 390, 844), ("light", 1280, 800)]
)
async def test_axe_finds_nothing_wrong_with_a_timeline(
    office: House, colours: Any, width: int, height: int
) -> None:
    look = {"colours": colours, "width": width, "height": height}
    async with office.tab(BOB) as bob, office.tab(DORA, **look) as dora:
        await decline(dora, bob)
        await dora.view("calls")
        await dora.part("calls-all").click()
        await expect(dora.part("server-call").first).to_be_visible()
        assert await complaints(dora) == []
        await open_newest(dora)
        assert await complaints(dora) == []
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await dora.run(wide)


async def test_a_call_that_goes_on_is_followed_to_its_end(office: House) -> None:
    async with office.tab(BOB) as bob, office.tab(ALICE) as alice, office.tab(DORA) as dora:
        await alice.call("bob")
        await alice.in_state("ringing")
        await open_newest(dora)
        outcome, hops = dora.part("timeline-outcome"), dora.part("timeline-hops")
        await expect(outcome).to_contain_text("is ringing now")
        await expect(dora.part("timeline-lanes").locator(".fate")).to_have_count(1)
        await expect(hops).not_to_contain_text("ended the call")
        await bob.part("decline").click()
        await expect(outcome).to_contain_text("declined (603)")
        await expect(hops).to_contain_text("ended the call")
        await alice.part("dismiss").click()


@pytest.mark.parametrize(("table", "words"), [("hops", What), ("verdicts", Verdict)])
async def test_every_word_of_the_server_has_a_text(page: Page, table: str, words: Any) -> None:
    assert await texts(page, table) == {word.value for word in words}


async def test_every_reason_has_a_text(page: Page) -> None:
    assert await texts(page, "reasons") == {reason.value for reason in EndReason}


async def texts(page: Page, table: str) -> set[str]:
    script = "async (table) => Object.keys((await import('/texts.js')).texts.timeline[table])"
    return set(await page.evaluate(script, table))
