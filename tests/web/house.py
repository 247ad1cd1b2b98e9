"""A running server with two people, and the tabs of a browser at its page."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Locator, Page, expect

from tests.end_to_end.ports import Ports
from tests.end_to_end.server import ALICE, BOB, Person, Server, running_server

FIRST_PORTS = range(20_000, 30_000, 200)


def free_ports() -> Ports:
    """Some that nobody on this machine has: these tests run in no network of their own."""
    for first in FIRST_PORTS:
        ports = Ports(first)
        with socket.socket() as http, socket.socket() as sip:
            try:
                http.bind(("127.0.0.1", ports.http))
                sip.bind(("127.0.0.1", ports.sip))
            except OSError:
                continue
            return ports
    raise RuntimeError("no free ports")


class House:
    """The server, and a browser to look at its page with."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.url = server.url
        self._browser = browser

    @asynccontextmanager
    async def tab(
        self,
        person: Person | None = None,
        *,
        welcome: bool = False,
        language: str = "en-GB",
        width: int = 390,
        height: int = 844,
        colours: Literal["light", "dark"] = "light",
        permissions: tuple[str, ...] = (),
    ) -> AsyncIterator["Tab"]:
        """A tab in a profile of its own, logged in; past the first steps, unless `welcome`."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            locale=language,
            color_scheme=colours,
            permissions=["microphone", *permissions],
        )
        errors: list[str] = []
        context.on("weberror", lambda error: errors.append(str(error.error)))
        tab = Tab(await context.new_page())
        try:
            await tab.page.goto(self.url)
            if person is not None:
                await tab.log_in(person, welcome=welcome)
            yield tab
            if await tab.part("logout").is_visible():
                await tab.part("logout").click()
            assert not errors, errors
        finally:
            await context.close()


class Tab:
    """The page, as one person sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def log_in(self, person: Person, *, welcome: bool) -> None:
        await self.part("login-username").fill(person.name)
        await self.part("login-password").fill(person.password)
        await self.part("login-submit").click()
        await expect(self.part("start")).to_be_visible()
        if not welcome:
            await self.part("finish").click()

    async def view(self, name: str) -> None:
        await self.part(f"view-{name}").click()
        await expect(self.part(name)).to_be_visible()

    async def call(self, address: str) -> None:
        await self.part("dial-input").fill(address)
        await self.part("dial-call").click()

    async def in_state(self, state: str) -> None:
        await expect(self.part("call")).to_have_attribute("data-state", state, timeout=15_000)

    async def run(self, script: str, argument: object = None) -> Any:
        return await self.page.evaluate(script, argument)


@asynccontextmanager
async def open_house(folder: Path, browser: Browser, **options: Any) -> AsyncIterator[House]:
    """`options` are those of the running server."""
    async with running_server(folder, (ALICE, BOB), ports=free_ports(), **options) as server:
        yield House(server, browser)
