"""Hold on the page: silent at once, told to the other side, and shown to both."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end.server import ALICE, BOB
from tests.web.house import House
from tests.web.test_access import complaints

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Of alice and bob: what holds, whether they are to be heard, and whether they hear.
LOOK = """
const micOf = (call) => call.pc.getSenders()[0].track.enabled;
const look = () => [a, b].map((call) => [call.hold.by, micOf(call), call.audible !== null]);
"""


async def lab(page: Page, body: str) -> Any:
    names = "{ talking, until }"
    return await page.evaluate(
        f"async () => {{ const {names} = await import('/lab.js');"
        f" const {{ line, alice, bob, a, b }} = await talking(); {LOOK} {body} }}"
    )


async def test_who_holds_is_silent_and_hears_nothing(page: Page) -> None:
    looks = await lab(
        page,
        """
        const looks = [];
        const asked = a.toggleHold();
        looks.push(look());
        await asked;
        await until(() => b.hold.theirs);
        looks.push(look());
        await a.toggleHold();
        await until(() => !b.hold.theirs);
        looks.push(look());
        return looks;""",
    )
    assert looks == [
        # Before the server has answered.
        [["us", False, False], ["nobody", True, True]],
        [["us", False, False], ["them", False, True]],
        [["nobody", True, True], ["nobody", True, True]],
    ]


async def test_both_may_hold_and_a_mute_outlasts_it(page: Page) -> None:
    looks = await lab(
        page,
        """
        const looks = [];
        a.setMuted(true);
        await a.toggleHold();
        await b.toggleHold();
        await until(() => a.hold.theirs && b.hold.theirs);
        looks.push(look());
        await a.toggleHold();
        await b.toggleHold();
        await until(() => !a.hold.theirs && !b.hold.theirs);
        looks.push(look());
        return looks;""",
    )
    assert looks == [
        [["both", False, False], ["both", False, False]],
        [["nobody", False, True], ["nobody", True, True]],
    ]


async def test_a_hold_that_fails_is_taken_back_and_told(page: Page) -> None:
    told = await lab(
        page,
        """
        line.holdFails = true;
        const failed = await a.toggleHold().then(() => false, () => true);
        const first = look()[0];
        line.holdFails = false;
        await a.toggleHold();
        line.holdFails = true;
        const again = await a.toggleHold().then(() => false, () => true);
        return [failed, first, again, look()[0]];""",
    )
    assert told == [True, ["nobody", True, True], True, ["us", False, False]]


async def test_two_clicks_ask_once(page: Page) -> None:
    asked = await lab(
        page,
        """
        await Promise.all([a.toggleHold(), a.toggleHold()]);
        return line.asked.filter(([, method]) => method === 'call.hold').length;""",
    )
    assert asked == 1


async def test_a_new_session_learns_of_it_from_the_server(page: Page) -> None:
    looks = await lab(
        page,
        """
        await a.recover({ call: a.id, state: 'talking', held_by: ['caller', 'callee'] });
        await b.recover({ call: b.id, state: 'talking', held_by: ['caller'] });
        const looks = [look()];
        await a.recover({ call: a.id, state: 'talking', held_by: [] });
        await b.recover({ call: b.id, state: 'talking' });
        return [...looks, look()];""",
    )
    assert looks == [
        [["both", False, False], ["them", False, True]],
        [["nobody", True, True], ["nobody", True, True]],
    ]


async def test_the_page_shows_it_to_both_in_their_languages(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB, language="de-DE") as bob:
        await alice.call("bob")
        await bob.part("accept").click()
        await expect(alice.part("call-state")).to_have_text("Talking", timeout=15_000)
        await alice.page.keyboard.press("h")
        await expect(alice.part("hold")).to_have_attribute("aria-pressed", "true")
        await expect(alice.part("call-state")).to_have_text("On hold")
        await expect(bob.part("call-state")).to_have_text("Gehalten von alice")
        await bob.part("hold").click()
        await expect(bob.part("call-state")).to_have_text("Gehalten von Ihnen und alice")
        await expect(alice.part("call-state")).to_have_text("On hold by you and bob")
        assert await complaints(alice) == []
        # A page that is loaded anew goes on where it was.
        await bob.page.reload()
        await expect(bob.part("call-state")).to_have_text("Gehalten von Ihnen und alice")
        await bob.part("hold").click()
        await alice.part("hold").click()
        await expect(alice.part("hold")).to_have_text("Hold")
        await expect(alice.part("call-state")).to_have_text("Talking")
        await expect(bob.part("call-state")).to_have_text("Im Gespräch")
