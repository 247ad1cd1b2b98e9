"""Recording on the page: offered where the server allows it, shown to both, played to admins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.server import ALICE, BOB, DORA, running_server
from tests.web.house import House, free_ports
from tests.web.test_access import complaints

pytestmark = pytest.mark.asyncio(loop_scope="package")

TALKED_MS = 1_500


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def studio(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A house where calls may be recorded, and that has an administrator."""
    folder = tmp_path_factory.mktemp("studio")
    people = (DORA, BOB)
    async with running_server(folder, people, ports=free_ports(), record="on_request") as server:
        yield House(server, browser)


async def lab(page: Page, body: str) -> Any:
    return await page.evaluate(
        "async () => { const { talking, until } = await import('/lab.js');"
        f" const {{ line, a, b }} = await talking(); {body} }}"
    )


async def test_both_sides_know_and_two_clicks_ask_once(page: Page) -> None:
    told = await lab(
        page,
        """
        const look = () => [a, b].map(({ recording }) => [recording.on, recording.over]);
        await Promise.all([a.recording.toggle(), a.recording.toggle()]);
        await until(() => b.recording.on);
        const looks = [look()];
        await b.recording.toggle();
        await until(() => !a.recording.on);
        const asked = line.asked.filter(([, method]) => method === 'call.record');
        return [...looks, look(), asked.map(([who, , { on }]) => [who, on])];""",
    )
    assert told == [
        [[True, False], [True, False]],
        [[False, True], [False, True]],
        [["alice", True], ["bob", False]],
    ]


async def test_a_refusal_changes_nothing_and_is_told(page: Page) -> None:
    told = await lab(
        page,
        """
        line.recordFails = true;
        const why = await a.recording.toggle().then(() => '', (error) => error.message);
        return [why, a.recording.on, a.recording.asking];""",
    )
    assert told == ["not here", False, False]


async def test_a_new_session_learns_of_it_from_the_server(page: Page) -> None:
    told = await lab(
        page,
        """
        await a.recover({ call: a.id, state: 'talking', recording: true });
        const before = a.recording.on;
        await a.recover({ call: a.id, state: 'talking' });
        return [before, a.recording.on];""",
    )
    assert told == [True, False]


async def test_it_is_not_offered_where_the_server_does_not_record(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await alice.call("bob")
        await bob.part("accept").click()
        await alice.in_state("talking")
        await expect(alice.part("record")).to_be_hidden()
        await expect(alice.part("call-recorded")).to_have_text("")


async def test_the_page_shows_it_to_both_and_plays_it_to_an_administrator(studio: House) -> None:
    async with (
        studio.tab(DORA, width=360) as dora,
        studio.tab(BOB, colours="dark", language="de-DE", width=360) as bob,
    ):
        await dora.call("bob")
        await bob.part("accept").click()
        await dora.in_state("talking")
        # By the keyboard, as everything.
        await dora.part("record").focus()
        await dora.page.keyboard.press("Space")
        # The call was direct, and moves to the server first.
        recorded = expect(dora.part("call-recorded"))
        await recorded.to_have_text("This call is recorded", timeout=15_000)
        await expect(bob.part("call-recorded")).to_have_text("Dieser Anruf wird aufgezeichnet")
        await expect(dora.part("record")).to_have_attribute("aria-pressed", "true")
        assert await complaints(dora) == []
        assert await complaints(bob) == []
        controls = await dora.run(
            "[...document.querySelectorAll('#call-controls button')]"
            ".every((b) => b.getBoundingClientRect().right <= innerWidth)"
        )
        assert controls, "the buttons do not fit on a small phone"
        await bob.page.reload()
        await expect(bob.part("call-recorded")).to_have_text("Dieser Anruf wird aufgezeichnet")
        await dora.page.wait_for_timeout(TALKED_MS)
        await bob.part("record").click()
        await expect(dora.part("call-recorded")).to_have_text("The recording has ended")
        await dora.part("hangup").click()
        await dora.in_state("ended")
        await dora.part("dismiss").click()

        await dora.view("calls")
        await dora.part("calls-all").click()
        await dora.part("server-call").first.click()
        await expect(dora.part("timeline-hops")).to_contain_text("records the call")
        await dora.part("timeline-play").click()
        audio = dora.part("timeline-audio")
        await expect(audio).to_be_visible()
        playing = (
            "(audio) => new Promise((done) => audio.ontimeupdate = () => done(audio.duration))"
        )
        assert await audio.evaluate(playing) >= TALKED_MS / 1000 - 0.3
        assert await complaints(dora) == []
