"""The service worker in a browser, at a running server: a closed page rings and is answered."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.end_to_end.server import ALICE, BOB
from tests.end_to_end.waiting import eventually
from tests.web.devtools import PushedWorker, call_id, worker_of
from tests.web.house import House, Tab, open_house

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEPT = """async () => {
  const { Vault } = await import('/vault.js');
  return await new Vault().get('refresh');
}"""

HOLD_ANSWER = """() => {
  const answer = Promise.withResolvers();
  const reallyFetch = fetch;
  self.answer = answer.resolve;
  self.asked = new Promise((asked) => {
    self.fetch = async () => {
      self.fetch = reallyFetch;
      asked();
      return new Response(null, { status: await answer.promise });
    };
  });
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Its calls ring, and its lost sockets may come back, for longer than a test takes."""
    folder = tmp_path_factory.mktemp("patient")
    async with open_house(folder, browser, ring_seconds=45, resume_seconds=30) as house:
        yield house


@asynccontextmanager
async def pushed_tab(house: House, **look: Any) -> AsyncIterator[tuple[Tab, PushedWorker]]:
    """alice's page, which may notify, and the worker of its profile."""
    async with house.tab(ALICE, permissions=("notifications",), **look) as alice:
        yield alice, await worker_of(alice.page.context, house.url)


@asynccontextmanager
async def closed(tab: Tab, house: House) -> AsyncIterator[None]:
    """The page is gone within the block, as with a closed tab; its profile goes on."""
    await tab.page.goto("about:blank")
    yield
    await tab.page.goto(house.url)
    await expect(tab.part("connection")).to_have_attribute("data-state", "online")


@asynccontextmanager
async def declining(worker: PushedWorker, status: int) -> AsyncIterator[None]:
    """A call that is shown is declined; the server answers, with this, after the block."""
    await worker.worker.evaluate(HOLD_ANSWER)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.click("decline"))
        await worker.worker.evaluate("() => self.asked")
        yield
        await worker.worker.evaluate("(status) => self.answer(status)", status)


async def ringing_call(caller: Tab, callee: Tab) -> str:
    await caller.call("alice")
    await expect(callee.part("incoming")).to_be_visible()
    found: str = await caller.run("window.wsphone.calls()[0].id")
    return found


async def open_window(tab: Tab, house: House, address: str | None) -> Tab:
    """A new window of the tab's browser, where the worker wanted it."""
    assert address is not None
    opened = Tab(await tab.page.context.new_page())
    await opened.page.goto(house.url + address)
    return opened


async def test_a_call_shows_who_calls_with_answer_and_decline(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        call = call_id()
        await worker.push("call", call=call, name="Uncle Bob", **{"from": "bob@wsphone.local"})
        await worker.shows("Uncle Bob is calling")
        [shown] = await worker.notifications()
        assert shown["tag"] == call
        assert shown["actions"] == ["answer", "decline"]
        await worker.push("call", call=call, **{"from": "bob@wsphone.local"})
        await worker.shows("Uncle Bob is calling")


async def test_answering_opens_the_page_and_takes_the_call(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        call = await ringing_call(bob, alice)
        async with closed(alice, house):
            await worker.push("call", call=call, name="bob")
            await worker.shows("bob is calling")
            address = await worker.click("answer")
            assert address == f"/?answer={call}"
            opened = await open_window(alice, house, address)
            await expect(opened.part("call-state")).to_have_text("Talking", timeout=15_000)
            await expect(bob.part("call-state")).to_have_text("Talking", timeout=15_000)
            assert await opened.run("location.search") == ""
            await bob.part("hangup").click()
            await opened.in_state("ended")
            await worker.shows()


async def test_where_browsers_have_no_buttons_the_page_opens_and_rings(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        call = await ringing_call(bob, alice)
        async with closed(alice, house):
            await worker.push("call", call=call, name="bob")
            await worker.shows("bob is calling")
            opened = await open_window(alice, house, await worker.click())
            await expect(opened.part("incoming-from")).to_have_text("bob", timeout=10_000)
            await bob.part("hangup").click()
            await expect(opened.part("incoming")).to_be_hidden()


async def test_an_open_page_is_told_to_answer(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        other = call_id()
        await worker.push("call", call=other, name="bob")
        await worker.shows("bob is calling")
        assert await worker.click("answer") is None
        await expect(alice.part("notice")).to_have_text("Call ended")
        call = await ringing_call(bob, alice)
        await alice.run(
            """(answer) => navigator.serviceWorker.dispatchEvent(
              new MessageEvent('message', { data: { kind: 'errand', errand: { answer } } }))""",
            call,
        )
        await expect(alice.part("call-state")).to_have_text("Talking", timeout=15_000)
        await alice.part("hangup").click()


async def test_declining_needs_no_page_and_leaves_the_login_good(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        call = await ringing_call(bob, alice)
        before = await alice.run(KEPT)
        async with closed(alice, house):
            await worker.push("call", call=call, name="bob")
            await worker.shows("bob is calling")
            await worker.click("decline")
            await bob.in_state("ended")
            await expect(bob.part("call")).to_have_attribute("data-reason", "declined")
            await worker.shows()
        assert await alice.run(KEPT) != before


async def test_a_decline_that_fails_says_so_and_can_be_repeated(house: House) -> None:
    async with pushed_tab(house) as (alice, worker):
        async with closed(alice, house):
            await worker.push("call", call=call_id(), name="bob")
            await worker.shows("bob is calling")
            await worker.worker.evaluate(
                """() => {
                  self.realFetch = fetch;
                  self.fetch = () => Promise.reject(new TypeError('no network'));
                }"""
            )
            await worker.click("decline")
            await worker.shows("bob is calling. Declining failed, try again.")
            await worker.worker.evaluate("() => { self.fetch = self.realFetch; }")
            await worker.click("decline")
            await worker.shows()


async def test_what_is_being_declined_stays_in_sight_until_the_server_has_answered(
    house: House,
) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        await worker.push("call", call=call_id(), name="bob")
        async with declining(worker, 404):
            await worker.shows("bob is calling")
        await worker.shows()


@pytest.mark.parametrize("status", [404, 503])
async def test_a_call_missed_while_it_is_declined_stays_a_missed_one(
    house: House, status: int
) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        call = call_id()
        await worker.push("call", call=call, name="bob")
        async with declining(worker, status):
            await worker.push("ended", call=call, reason="cancelled")
            await worker.shows("Missed call from bob")
        await worker.shows("Missed call from bob")


async def test_what_was_answered_elsewhere_stops_ringing(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        call = call_id()
        await worker.push("call", call=call, name="bob")
        await worker.shows("bob is calling")
        await worker.push("ended", call=call, reason="answered_elsewhere")
        await worker.shows()


async def test_a_call_given_up_becomes_a_missed_one_that_leads_to_the_list(house: House) -> None:
    async with pushed_tab(house) as (alice, worker):
        async with closed(alice, house):
            call = call_id()
            await worker.push("call", call=call, name="bob", **{"from": "bob@wsphone.local"})
            await worker.shows("bob is calling")
            await worker.push("ended", call=call, reason="cancelled")
            await worker.shows("Missed call from bob")
            [shown] = await worker.notifications()
            assert (shown["silent"], shown["actions"]) == (True, [])
            await worker.push("missed", call=call, name="bob", **{"from": "bob@wsphone.local"})
            await worker.shows("Missed call from bob")
            opened = await open_window(alice, house, await worker.click())
            await expect(opened.part("calls-list")).to_contain_text("Missed call")
            rows = opened.part("calls-list").get_by_role("listitem")
            await expect(rows).to_have_count(1)
            await expect(rows).to_contain_text("bob")


async def test_a_push_that_comes_late_tells_of_a_missed_call(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        await worker.push("call", call=call_id(), name="bob", expires_at=time.time() - 5)
        await worker.shows("Missed call from bob")


async def test_a_clock_that_is_wrong_misses_no_call(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        await worker.worker.evaluate(
            "() => { const now = Date.now; Date.now = () => now() + 3_600_000; }"
        )
        await worker.push("call", call=call_id(), name="bob")
        await worker.shows("bob is calling")


async def test_a_page_in_sight_that_shows_the_call_is_enough(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        call = await ringing_call(bob, alice)
        await worker.push("call", call=call, name="bob")
        assert await worker.notifications() == []
        await bob.part("hangup").click()


async def test_answering_in_the_page_takes_the_notification_away(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), house.tab(BOB) as bob:
        call = await ringing_call(bob, alice)
        async with closed(alice, house):
            await worker.push("call", call=call, name="bob")
            await worker.shows("bob is calling")
        await alice.part("accept").click()
        await worker.shows()
        await alice.part("hangup").click()


async def test_the_worker_speaks_the_language_of_the_page(house: House) -> None:
    async with pushed_tab(house, language="de-AT") as (alice, worker):
        await expect(alice.part("logout")).to_have_text("Abmelden")
        async with closed(alice, house):
            await worker.push("call", call=call_id(), name="Herr Bob")
            await worker.shows("Herr Bob ruft an")


async def test_a_test_shows_that_the_browser_can_be_woken(house: House) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        await worker.push("test")
        await worker.shows("WSPhone")


async def test_after_logging_out_nothing_is_kept_and_nothing_shown(house: House) -> None:
    async with pushed_tab(house) as (alice, worker):
        await alice.part("logout").click()
        await expect(alice.part("login-submit")).to_be_visible()
        await eventually(lambda: alice.run(KEPT), lambda kept: kept is None)
        await worker.push("call", call=call_id(), name="bob")
        assert await worker.notifications() == []


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "of_next_year", "call": call_id()},
        {"kind": "call"},
        {"kind": "call", "call": "../../api/logout"},
        {"kind": "call", "call": 7},
    ],
)
async def test_what_is_no_push_of_ours_shows_nothing(house: House, told: dict[str, Any]) -> None:
    async with pushed_tab(house) as (alice, worker), closed(alice, house):
        await worker.push(**told)
        assert await worker.notifications() == []
