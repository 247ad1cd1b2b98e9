"""The page as an app: installable, and open without its server."""

import re
import struct
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.web.conftest import CHROMIUM, FLAGS, WEB
from tests.web.devtools import worker_of
from tests.web.draw_icons import ICONS, Icon
from tests.web.house import House, Tab
from tests.web.test_access import complaints

pytestmark = pytest.mark.asyncio(loop_scope="package")

# What HTML links to, and what modules import.
NEEDED = re.compile(r"""(?:src="|href="|from ')(\.?\.?/[^"']+)""")


async def test_chromium_offers_to_install_the_page(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    # Browsers install nothing from the private profiles that the other tests use.
    context = await browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=FLAGS
    )
    try:
        page = await context.new_page()
        await page.goto(house.url)
        devtools = await context.new_cdp_session(page)
        manifest = await devtools.send("Page.getAppManifest")
        assert (manifest["url"], manifest["errors"]) == (f"{house.url}/manifest.webmanifest", [])
        found = await devtools.send("Page.getInstallabilityErrors")
        assert found["installabilityErrors"] == []
    finally:
        await context.close()


@pytest.mark.parametrize("icon", ICONS, ids=lambda icon: icon.name)
async def test_icons_are_as_large_as_the_manifest_says(icon: Icon) -> None:
    header = (WEB / f"{icon.name}.png").read_bytes()[:24]
    assert struct.unpack(">8s4s4sII", header)[3:] == (icon.pixels, icon.pixels)
    manifest = (WEB / "manifest.webmanifest").read_text()
    assert f'"/{icon.name}.png", "sizes": "{icon.pixels}x{icon.pixels}"' in manifest


async def opened_once(context: BrowserContext, house: House) -> Page:
    page = await context.new_page()
    await page.goto(house.url)
    await worker_of(context, house.url)
    return page


async def test_without_a_server_the_page_says_so_and_comes_back(
    house: House, browser: Browser
) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await opened_once(context, house)
    await context.set_offline(True)
    await page.reload()
    await expect(page.get_by_test_id("offline")).to_contain_text("No connection")
    await expect(page.get_by_role("img")).to_have_count(0)
    background = "getComputedStyle(document.querySelector('.card')).backgroundColor"
    assert await page.evaluate(background) != "rgba(0, 0, 0, 0)"
    assert await complaints(Tab(page)) == []
    await context.set_offline(False)
    # DevTools gives the network back to page and worker one after the other: it may look twice.
    await expect(page.get_by_test_id("login-submit")).to_be_visible(timeout=30_000)
    await context.close()


async def test_a_person_can_have_it_look_for_the_server(house: House, browser: Browser) -> None:
    context = await browser.new_context(locale="de-DE")
    page = await opened_once(context, house)
    await context.set_offline(True)
    await page.reload()
    await expect(page.get_by_role("heading", name="Keine Verbindung")).to_be_visible()
    # It would look by itself, too, a while later.
    await page.evaluate("() => { for (let timer = 1; timer < 100; timer++) clearInterval(timer); }")
    async with page.expect_request(lambda request: request.method == "HEAD"):
        await page.get_by_role("button", name="Wieder versuchen").click()
    await context.close()


async def test_the_modules_of_the_phone_are_never_served_from_a_cache(
    house: House, browser: Browser
) -> None:
    context = await browser.new_context()
    page = await opened_once(context, house)
    kept = await page.evaluate(
        """async () => {
          const cache = await caches.open('wsphone.offline');
          return (await cache.keys()).map(({ url }) => new URL(url).pathname);
        }"""
    )
    assert "/offline.html" in kept
    assert "/app.js" not in kept
    await context.set_offline(True)
    failed = await page.evaluate("fetch('/style.css').then(() => false, () => true)")
    assert failed, "a page of the server got a file of another version"
    await context.close()


async def test_all_that_the_offline_page_needs_is_kept() -> None:
    listed = (WEB / "worker" / "offline.js").read_text()
    missing = []
    todo, seen = ["/offline.html"], set[str]()
    while todo:
        path = todo.pop()
        seen.add(path)
        missing += [path] if f"'{path}'" not in listed else []
        found = NEEDED.findall((WEB / path[1:]).read_text())
        todo += {urljoin(path, name) for name in found} - seen
    assert missing == []
