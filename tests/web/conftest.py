"""A browser page that can import the softphone's modules, and a hub that the test plays itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Error, Page, async_playwright

from tests.web.house import House, open_house
from tests.web.hub import Hub

WEB = Path(__file__).parents[2] / "web"
LAB = Path(__file__).parent / "lab.js"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


async def _blank(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>lab</title>", content_type="text/html")


async def _tokens(request: web.Request) -> web.Response:
    return web.json_response({"token": "access", "refresh_token": "refresh", "expires_at": 0})


async def _lab(request: web.Request) -> web.Response:
    return web.Response(text=LAB.read_text(), content_type="text/javascript")


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=FLAGS
        )
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), browser) as house:
        yield house


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest_asyncio.fixture(loop_scope="package")
async def origin(hub: Hub) -> AsyncIterator[str]:
    """Where the modules are served, with the hub at /ws."""
    app = web.Application()
    app.router.add_get("/", _blank)
    app.router.add_get("/lab.js", _lab)
    app.router.add_get("/ws", hub.serve)
    app.router.add_post("/api/login", _tokens)
    app.router.add_post("/api/token", _tokens)
    app.router.add_static("/", WEB)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    hub.hang_up()
    await runner.cleanup()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def window(browser: Browser) -> Page:
    return await browser.new_page()


@pytest_asyncio.fixture(loop_scope="package")
async def page(window: Page, origin: str) -> AsyncIterator[Page]:
    """A fresh page, with the modules at hand; an error that nothing caught fails the test."""
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(str(error))

    await window.goto(origin)
    window.on("pageerror", note)
    yield window
    window.remove_listener("pageerror", note)
    await window.goto("about:blank")
    assert errors == []
