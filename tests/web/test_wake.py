"""Being woken, in the page and its worker, at a hub that the test plays itself.

A browser without the network cannot subscribe at its maker's push service: what that would answer
is put in its place, and nothing else.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.web.devtools import worker_of
from tests.web.house import Tab
from tests.web.hub import Hub, Link, Message
from tests.web.test_access import complaints

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEY = "BN" + "a" * 85
OTHER_KEY = "BO" + "b" * 85
KEYS = {"p256dh": "the browser's key", "auth": "its secret"}

# Where the push service's part begins, in the page as in the worker.
_SERVICE = """() => {
  let current = null;
  let made = 0;
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    if (self.refuses) throw new DOMException('push service error', 'AbortError');
    made += 1;
    const endpoint = `https://push.example/${made}`;
    current = {
      options: { applicationServerKey: applicationServerKey.buffer },
      toJSON: () => ({ endpoint, expirationTime: null, keys: KEYS }),
      unsubscribe: async () => { current = null; return true; },
    };
    return current;
  };
  self.subscription = () => current?.toJSON().endpoint ?? null;
}"""
SERVICE = _SERVICE.replace("KEYS", json.dumps(KEYS))


class Line:
    """The session that the page has open."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def asked(self, method: str) -> dict[str, Any]:
        """The params of the next such request, which is granted."""
        request = await self.request(method)
        await self._link.answer(request, {})
        params: dict[str, Any] = request["params"]
        return params

    async def request(self, method: str) -> Message:
        while True:
            request = await self._link.receive()
            if request["method"] == method:
                return request

    async def refuse(self, method: str) -> None:
        await self._link.refuse(await self.request(method), -32603)


async def opened(hub: Hub, *, key: str | None = KEY) -> Line:
    link = await hub.link()
    request = await link.receive()
    assert request["method"] == "session.open"
    account = {"id": "a1", "name": "alice", "address": "alice@wsphone.local"}
    place = {"session": "s1", "epoch": "e1", "seq": 0, "resumed": False}
    server = {"emergency_numbers": [], "push": {"webpush_key": key}}
    facts = {"account": account, "server": server, "ice_servers": [], "calls": []}
    await link.answer(request, {**place, **facts})
    return Line(link)


@asynccontextmanager
async def profile(browser: Browser, *permissions: str) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(permissions=[*permissions], locale="en-GB")
    await context.add_init_script(f"({SERVICE})()")
    yield context
    await context.close()


async def settings(
    context: BrowserContext, origin: str, hub: Hub, *, key: str | None = KEY
) -> tuple[Page, Line]:
    """The page, logged in, with its settings in sight."""
    page = await context.new_page()
    await page.goto(f"{origin}/index.html")
    await page.get_by_test_id("login-username").fill("alice")
    await page.get_by_test_id("login-password").fill("anything")
    await page.get_by_test_id("login-submit").click()
    line = await opened(hub, key=key)
    await page.get_by_test_id("finish").click()
    await page.get_by_test_id("view-settings").click()
    return page, line


async def test_the_wish_subscribes_and_tells_the_server(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser, "notifications") as context:
        page, line = await settings(context, origin, hub)
        await expect(page.get_by_test_id("wake-words")).to_contain_text("only while")
        await page.get_by_test_id("choose-wake").click()
        told = await line.asked("device.set_push")
        [target] = told["targets"]
        assert target["provider"] == "webpush"
        assert target["subscription"]["endpoint"] == "https://push.example/1"
        assert target["subscription"]["keys"] == KEYS
        assert told["missed"] is True
        await expect(page.get_by_test_id("choose-wake")).to_be_checked()
        await expect(page.get_by_test_id("wake-words")).to_contain_text("ring here as long as")
        assert await complaints(Tab(page)) == []
        await page.get_by_test_id("choose-missed").click()
        told = await line.asked("device.set_push")
        assert (told["targets"], told["missed"]) == ([target], False)
        await page.get_by_test_id("choose-wake").click()
        assert await line.asked("device.set_push") == {"targets": [], "missed": False}
        await expect(page.get_by_test_id("choose-wake")).not_to_be_checked()
        assert await page.evaluate("subscription()") is None


async def test_each_session_tells_again_and_a_new_server_key_makes_a_new_subscription(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser, "notifications") as context:
        page, line = await settings(context, origin, hub)
        await page.get_by_test_id("choose-wake").click()
        await line.asked("device.set_push")
        hub.hang_up()
        line = await opened(hub)
        told = await line.asked("device.set_push")
        assert told["targets"][0]["subscription"]["endpoint"] == "https://push.example/1"
        hub.hang_up()
        line = await opened(hub, key=OTHER_KEY)
        told = await line.asked("device.set_push")
        assert told["targets"][0]["subscription"]["endpoint"] == "https://push.example/2"


async def test_logging_out_takes_the_subscription_back(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser, "notifications") as context:
        page, line = await settings(context, origin, hub)
        await page.get_by_test_id("choose-wake").click()
        await line.asked("device.set_push")
        await expect(page.get_by_test_id("choose-wake")).to_be_checked()
        await page.get_by_test_id("logout").click()
        await page.wait_for_function("subscription() === null")


async def test_what_stands_in_the_way_is_said(browser: Browser, origin: str, hub: Hub) -> None:
    async with profile(browser, "notifications") as context:
        page, _ = await settings(context, origin, hub, key=None)
        words, trouble = page.get_by_test_id("wake-words"), page.get_by_test_id("wake-trouble")
        wish = page.get_by_test_id("choose-wake")
        await expect(words).to_have_text("This server does not wake browsers.")
        await expect(wish).to_be_disabled()
        hub.hang_up()
        await opened(hub)
        await page.evaluate("() => { self.refuses = true; }")
        await wish.click()
        await expect(trouble).to_contain_text("push service")
        assert await complaints(Tab(page)) == []
        await page.evaluate("() => { self.refuses = false; }")
        hub.hang_up()
        line = await opened(hub)
        assert len((await line.asked("device.set_push"))["targets"]) == 1
        await expect(trouble).to_be_hidden()
        await page.get_by_test_id("choose-missed").click()
        await line.refuse("device.set_push")
        await expect(trouble).to_contain_text("The server did not take note")


async def test_a_browser_that_blocks_notifications_is_told_where_to_allow_them(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser) as context:
        await context.add_init_script(
            "Object.defineProperty(Notification, 'permission', { get: () => 'denied' });"
        )
        page, _ = await settings(context, origin, hub)
        await expect(page.get_by_test_id("wake-trouble")).to_contain_text("address bar")
        await expect(page.get_by_test_id("choose-wake")).to_be_disabled()


async def test_a_nonce_that_was_pushed_is_echoed_without_a_page(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser, "notifications") as context:
        page, _ = await settings(context, origin, hub)
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "online")
        worker = await worker_of(context, origin)
        device = await page.evaluate("localStorage.getItem('wsphone.device')")
        await page.goto("about:blank")
        await worker.begin("proof", nonce="the nonce")
        link = await hub.link()
        opening = await link.receive()
        assert opening["params"]["device"]["id"] == device
        assert opening["params"]["device"]["app_state"] == "background"
        await link.answer(opening, {})
        line = Line(link)
        assert await line.asked("device.prove_push") == {"nonce": "the nonce"}
        await line.asked("session.close")


async def test_a_subscription_that_the_browser_gives_up_is_replaced_without_a_page(
    browser: Browser, origin: str, hub: Hub
) -> None:
    async with profile(browser, "notifications") as context:
        page, line = await settings(context, origin, hub)
        await page.get_by_test_id("choose-wake").click()
        await line.asked("device.set_push")
        await expect(page.get_by_test_id("choose-wake")).to_be_checked()
        worker = await worker_of(context, origin)
        await page.goto("about:blank")
        await worker.worker.evaluate(SERVICE)
        await worker.worker.evaluate(
            "() => dispatchEvent(new ExtendableEvent('pushsubscriptionchange'))"
        )
        line = await opened(hub)
        told = await line.asked("device.set_push")
        assert told["targets"][0]["subscription"]["endpoint"] == "https://push.example/1"
        assert told["missed"] is True
        await line.asked("session.close")
