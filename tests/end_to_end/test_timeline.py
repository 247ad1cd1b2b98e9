"""A call tells an operator how it went: in the terminal, and in an administrator's page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.end_to_end.server import (
    ALICE,
    BOB,
    DORA,
    Server,
    run_wsphone,
    running_server,
)
from tests.end_to_end.waiting import eventually
from tests.end_to_end.wsclient import ANSWER, Clients, clients

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def office(tmp_path: Path) -> AsyncIterator[Server]:
    """A server with an administrator; its configuration lies in tmp_path."""
    async with running_server(tmp_path, (ALICE, BOB, DORA)) as server:
        yield server


async def call_and_hang_up(group: Clients) -> str:
    """alice calls bob's two clients, one answers, alice hangs up; the call's id."""
    alice = await group.online(ALICE, device="alice-tab")
    tab = await group.online(BOB, device="bob-tab")
    await group.online(BOB, device="bob-silent")
    call = await alice.call("bob")
    await tab.event("call.incoming")
    await tab.request("call.ringing", call=call)
    await alice.event("call.progress", lambda params: params["state"] == "ringing")
    await tab.request("call.answer", call=call, media=1, answer=ANSWER)
    await alice.event("call.answered")
    await alice.request("call.hangup", call=call)
    await tab.event("call.ended")
    return call


async def test_the_timeline_of_a_call_is_read_in_terminal_and_page(
    office: Server, chromium: Browser, tmp_path: Path
) -> None:
    config = ("--config", str(tmp_path / "wsphone.toml"))
    async with clients(office.url) as group:
        call = await call_and_hang_up(group)

        async def show() -> tuple[int, str]:
            # The record is written after the parties were told.
            shown = await run_wsphone("calls", "show", call, *config)
            return shown.status, shown.output

        await eventually(show, lambda shown: shown[0] == 0)
        _, text = await show()
        assert [word for word in STORY if word not in text] == []
        places = [text.index(word) for word in STORY]
        assert places == sorted(places)
        assert "never said that it does (answered_elsewhere)" in text
        recent = await run_wsphone("calls", "alice", *config)
        assert call in recent.output

    context = await chromium.new_context(locale="en-GB")
    try:
        page = await context.new_page()
        await page.goto(office.url)
        await page.get_by_test_id("login-username").fill(DORA.name)
        await page.get_by_test_id("login-password").fill(DORA.password)
        await page.get_by_test_id("login-submit").click()
        await page.get_by_test_id("finish").click()
        await page.get_by_test_id("view-calls").click()
        await page.get_by_test_id("calls-all").click()
        await page.get_by_test_id("server-call").click()
        await expect(page.get_by_test_id("timeline")).to_contain_text(call)
        fates = page.get_by_test_id("timeline-lanes").locator(".fate")
        await expect(fates).to_have_text(
            [
                "answered",
                "was asked to ring, and never said that it does (answered elsewhere)",
            ]
        )
        await page.get_by_test_id("logout").click()
    finally:
        await context.close()


STORY = [
    "was asked to ring",
    "rings",
    "is told that it rings",
    "answers",
    "is told of the answer",
    "hangs up",
    "the call is over",
]
