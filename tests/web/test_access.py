"""Everybody can use the page: contrast, names for screen readers, and the keyboard alone."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.end_to_end.server import ALICE, BOB
from tests.web.house import House, Tab
from tests.web.node import NODE_MODULES

pytestmark = pytest.mark.asyncio(loop_scope="package")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

RUN_AXE = """async (rules) => {
  // Halfway through a fade every contrast is a poor one; one whose element went is over too.
  await Promise.allSettled(document.getAnimations().map((animation) => {
    return animation.effect.getTiming().iterations === Infinity ? null : animation.finished;
  }));
  const { violations } = await axe.run(document, { runOnly: { type: 'tag', values: rules } });
  const why = (node) => [node.html, node.any[0]?.message];
  return violations.map(({ id, nodes }) => [id, nodes.map(why)]);
}"""


async def complaints(tab: Tab) -> Any:
    """What axe has to say against the page as it stands."""
    if not await tab.run("'axe' in window"):
        # Through the debugger: the page's own policy lets no foreign script in.
        await tab.run((NODE_MODULES / "axe-core" / "axe.min.js").read_text())
    return await tab.run(RUN_AXE, RULES)


@pytest.mark.parametrize(
    ("colours", "width", "height"), [("light", 390, 844), ("dark", 390, 844), ("light", 1280, 800)]
)
async def test_axe_finds_nothing_wrong_with_any_part(
    house: House, colours: Any, width: int, height: int
) -> None:
    look = {"colours": colours, "width": width, "height": height}
    async with house.tab(**look) as nobody:
        await expect(nobody.part("login-submit")).to_be_visible()
        assert await complaints(nobody) == []
    async with house.tab(BOB) as bob, house.tab(ALICE, welcome=True, **look) as alice:
        await alice.part("choose-linphone").click()
        await alice.part("make-phone").click()
        await expect(alice.part("phone-settings")).to_be_visible()
        assert await complaints(alice) == []
        await alice.part("finish").click()
        await bob.call("alice")
        await expect(alice.part("incoming")).to_be_visible()
        assert await complaints(alice) == []
        await alice.part("accept").click()
        await expect(alice.part("call-figures")).to_be_visible(timeout=10_000)
        assert await complaints(alice) == []
        await alice.part("hangup").click()
        await alice.in_state("ended")
        assert await complaints(alice) == []
        await alice.view("people")
        assert await complaints(alice) == []
        await alice.view("calls")
        await alice.part("block").first.click()
        await expect(alice.part("block").first).to_have_attribute("aria-pressed", "true")
        assert await complaints(alice) == []
        await alice.view("settings")
        await expect(alice.part("blocked-list").get_by_role("button")).to_have_count(1)
        await alice.part("phones-list").get_by_role("button").first.click()
        await alice.part("block-address").fill("nobody@example.org")
        await alice.part("block-submit").click()
        await expect(alice.part("block-error")).to_be_visible()
        # Else what is half under the bar below counts as too small to hit.
        await alice.run("window.scrollTo(0, document.body.scrollHeight)")
        assert await complaints(alice) == []
        await alice.part("blocked-list").get_by_role("button").click()
        await expect(alice.part("blocked-list").get_by_role("button")).to_have_count(0)


async def test_a_person_calls_and_is_called_by_keyboard_alone(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        keys = alice.page.keyboard
        await alice.part("dial-input").focus()
        await keys.type("bob")
        await keys.press("Enter")
        await expect(bob.part("accept")).to_be_focused()
        await bob.page.keyboard.press("Enter")
        await alice.in_state("talking")
        await keys.press("m")
        await expect(alice.part("mute")).to_have_attribute("aria-pressed", "true")
        await alice.part("hangup").focus()
        await keys.press("Enter")
        await bob.in_state("ended")
        await bob.call("alice")
        await expect(alice.part("incoming")).to_be_visible()
        await keys.press("Escape")
        await bob.in_state("ended")


async def test_every_part_is_reached_by_tabulator_in_order(house: House) -> None:
    async with house.tab(BOB) as bob:
        await bob.view("settings")
        await expect(bob.part("phones-list").get_by_role("button")).to_have_count(1)
        await bob.part("logout").focus()
        reached = []
        for _ in range(15):
            await bob.page.keyboard.press("Tab")
            reached.append(await bob.run("document.activeElement.dataset.testid"))
        assert reached == [
            "choose-microphone",
            "test-microphone",
            "choose-speaker",
            "test-speaker",
            "choose-notices",
            "phone-ask",
            "phone-add",
            "block-address",
            "block-submit",
            "choose-theme",
            "choose-language",
            "open-start",
            "view-phone",
            "view-people",
            "view-calls",
        ]
