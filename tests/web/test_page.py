"""The page in a browser, at a running server: what one finds where, and what it remembers."""

import json
import re

import pytest
from playwright.async_api import expect

from signaling.shared.config import EMERGENCY_NUMBERS
from tests.end_to_end.server import ALICE, BOB
from tests.web.house import House, Tab

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def talk(caller: Tab, callee: Tab, address: str) -> None:
    """A call from one tab to another, answered and ended by the caller."""
    await caller.call(address)
    await callee.part("accept").click()
    await caller.in_state("talking")
    await expect(caller.part("call-state")).to_have_text("Talking", timeout=10_000)
    await caller.part("hangup").click()
    await caller.in_state("ended")


async def test_the_list_of_people_says_who_can_be_reached(house: House) -> None:
    async with house.tab(ALICE) as alice:
        await alice.view("people")
        rows = alice.part("people-list").get_by_role("button")
        await expect(rows).to_have_text(
            [re.compile("bob.*Not reachable now"), re.compile("alice.*you, on your other phones")]
        )
        async with house.tab(BOB):
            await alice.view("phone")
            await alice.view("people")
            await expect(rows.first).to_have_text(re.compile("bob.*Reachable"))


async def test_a_click_on_a_person_calls(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await alice.view("people")
        await alice.part("people-list").get_by_role("button").first.click()
        await expect(bob.part("incoming-from")).to_have_text("alice")
        await alice.in_state("ringing")
        await alice.part("hangup").click()


async def test_the_list_of_calls_says_how_each_ended_and_calls_back(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await talk(alice, bob, "bob")
        await alice.part("dismiss").click()
        await alice.call("bob")
        await bob.part("decline").click()
        await alice.in_state("ended")
        await alice.view("calls")
        rows = alice.part("calls-list").locator(".row")
        await expect(rows).to_have_text(
            [
                re.compile("bobOutgoing callThey declined the call"),
                re.compile("bobOutgoing callTalked for 0:0"),
            ]
        )
        await bob.view("calls")
        await bob.part("calls-list").locator(".row").first.click()
        await expect(alice.part("incoming-from")).to_have_text("bob")
        await alice.part("decline").click()
        await bob.in_state("ended")
        await alice.page.reload()
        await alice.view("calls")
        await expect(rows).to_have_count(3)
        await alice.part("calls-clear").click()
        await expect(rows).to_have_count(0)


async def test_a_contact_names_whoever_calls_and_never_leaves_the_browser(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        sent: list[str] = []
        alice.page.on("request", lambda request: sent.append(request.post_data or ""))
        await alice.view("people")
        await alice.part("contact-add").click()
        await alice.part("contact-name").fill("Uncle Robert")
        await alice.part("contact-address").fill("sip:BOB@wsphone.local")
        await alice.part("contact-save").click()
        await expect(alice.part("people-list")).to_contain_text("Uncle Robert")
        await bob.call("alice")
        await expect(alice.part("incoming-from")).to_have_text("Uncle Robert")
        await alice.part("decline").click()
        assert not [text for text in sent if "Uncle" in text]


async def test_an_emergency_number_is_refused_in_words_before_it_is_dialled(house: House) -> None:
    async with house.tab(ALICE) as alice:
        await alice.call("1 1 2")
        await expect(alice.part("notice")).to_contain_text("cannot reach emergency services")
        await expect(alice.part("notice")).to_contain_text("mobile phone: call 112")
        assert await alice.run("window.wsphone.calls().length") == 0


async def test_the_servers_own_emergency_numbers_are_refused_on_the_page(house: House) -> None:
    async with house.tab() as alice:
        await alice.log_in(ALICE, welcome=False)
        kept = await alice.run("localStorage.getItem('wsphone.emergency')")
        assert tuple(json.loads(kept)) == EMERGENCY_NUMBERS


async def test_keys_that_the_other_side_presses_are_shown_and_fade(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await alice.page.clock.install()
        await alice.call("bob")
        await bob.part("accept").click()
        await alice.in_state("talking")
        await bob.in_state("talking")
        await bob.part("keypad-toggle").click()
        for key in ("4", "2", "hash"):
            await bob.part(f"key-{key}").click()
        heard = alice.part("call-keys")
        await expect(heard).to_have_text("They pressed 4 2 #")
        await expect(heard).to_have_role("status")
        await expect(bob.part("call-keys")).to_be_empty()
        await alice.page.clock.fast_forward(10_000)
        await expect(heard).to_be_empty()


async def test_a_caller_is_blocked_from_the_list_of_calls_and_let_in_again(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await bob.call("alice")
        await alice.part("decline").click()
        await bob.in_state("ended")
        await alice.view("calls")
        block = alice.part("calls-list").get_by_role("button", name="Block bob")
        await block.click()
        await expect(block).to_have_attribute("aria-pressed", "true")
        await expect(block).to_be_focused()
        await expect(alice.part("calls-list")).to_contain_text("Blocked · You declined")
        await bob.call("alice")
        await expect(bob.part("call-reason")).to_contain_text("None of their phones")
        await expect(alice.part("incoming")).to_be_hidden()
        await block.click()
        await expect(block).to_have_attribute("aria-pressed", "false")
        await bob.call("alice")
        await expect(alice.part("incoming-from")).to_have_text("bob")
        await alice.part("decline").click()


async def test_the_block_list_is_kept_by_keyboard_alone(house: House) -> None:
    async with house.tab(ALICE) as alice:
        keys = alice.page.keyboard
        await alice.view("settings")
        await alice.part("block-address").focus()
        await keys.type("Bob")
        await keys.press("Enter")
        rows = alice.part("blocked-list").get_by_role("listitem")
        await expect(rows).to_contain_text(["bob@wsphone.local"])
        await expect(alice.part("block-address")).to_have_value("")
        await rows.get_by_role("button", name="Let bob call again").focus()
        await keys.press("Enter")
        await expect(rows).to_have_count(0)
        await expect(alice.part("block-submit")).to_be_focused()
        await expect(alice.part("settings")).to_contain_text("Nobody is blocked.")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a name"),
        ("anna@example.org", "of this server"),
        ("sip:Alice@wsphone.local", "Your own phones"),
    ],
)
async def test_what_cannot_be_blocked_is_refused_in_words(
    house: House, typed: str, words: str
) -> None:
    async with house.tab(ALICE) as alice:
        await alice.view("settings")
        await alice.part("block-address").fill(typed)
        await alice.part("block-submit").click()
        await expect(alice.part("block-error")).to_contain_text(words)
        await expect(alice.part("block-address")).to_have_value(typed)


async def test_phones_are_listed_told_apart_and_removed_when_one_is_sure(house: House) -> None:
    async with house.tab(BOB) as bob:
        await bob.view("settings")
        names = bob.part("phones-list").locator("b")
        await expect(names).to_have_text(["phone"])
        for _ in range(2):
            await bob.part("phone-add").click()
            await expect(bob.part("make-phone")).to_be_focused()
            await bob.page.keyboard.press("Enter")
            await expect(bob.part("phone-qr")).to_be_visible()
            await bob.view("settings")
        await expect(names).to_have_text(["phone", "Linphone", "Linphone 2"])
        await expect(bob.part("phones-list")).to_contain_text("Not connected · added")
        for count in (2, 1):
            remove = bob.part("phones-list").get_by_role("button", name=re.compile("Remove Linph"))
            await remove.first.click()
            await expect(bob.part("phone-remove")).to_be_focused()
            await bob.page.keyboard.press("Escape")
            await expect(names).to_have_count(count + 1)
            await expect(remove.first).to_be_focused()
            await bob.page.keyboard.press("Enter")
            await bob.page.keyboard.press("Enter")
            await expect(names).to_have_count(count)
            await expect(bob.part("phone-add")).to_be_focused()


async def test_a_list_that_cannot_be_changed_says_why_and_stays(house: House) -> None:
    async with house.tab(ALICE, language="de-DE") as alice:
        await alice.view("settings")
        rows = alice.part("phones-list").get_by_role("listitem")
        await expect(rows.first).to_contain_text("Nicht verbunden")
        before = await rows.count()
        await alice.page.route("**/api/**", lambda route: route.abort())
        await rows.first.get_by_role("button").click()
        await alice.part("phone-remove").click()
        await expect(alice.part("phones-error")).to_contain_text("nicht erreichbar")
        await alice.part("block-address").fill("bob")
        await alice.part("block-submit").click()
        await expect(alice.part("block-error")).to_contain_text("nicht erreichbar")
        await alice.view("calls")
        await alice.view("settings")
        await expect(alice.part("settings")).to_contain_text("ließ sich gerade nicht holen")
        await expect(rows).to_have_count(before)


async def test_while_talking_the_page_shows_how_the_sound_is_carried(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await alice.call("bob")
        await bob.part("accept").click()
        figures = alice.part("call-figures")
        await expect(figures).to_have_text(re.compile(r"^Opus · .*loss|^Opus · .*lost"))
        await alice.part("hangup").click()
        await alice.in_state("ended")
        await expect(figures).to_be_hidden()


async def test_the_language_follows_the_browser_and_the_choice(house: House) -> None:
    async with house.tab(ALICE, language="de-AT") as alice:
        await expect(alice.part("dial-call")).to_have_text("Anrufen")
        await alice.view("settings")
        await alice.part("choose-language").select_option("en")
        await expect(alice.part("logout")).to_have_text("Log out")
        await alice.page.reload()
        await expect(alice.part("logout")).to_have_text("Log out")
        assert await alice.run("document.documentElement.lang") == "en"


async def test_the_colours_follow_the_system_and_the_choice(house: House) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    async with house.tab(ALICE, colours="dark") as alice:
        dark = await alice.run(back)
        await alice.view("settings")
        await alice.part("choose-theme").select_option("light")
        assert await alice.run(back) != dark
        await alice.page.reload()
        await alice.part("view-settings").click()
        assert await alice.run(back) != dark
        await alice.part("choose-theme").select_option("")
        assert await alice.run(back) == dark


async def test_the_microphone_can_be_tested_and_chosen(house: House) -> None:
    async with house.tab(ALICE) as alice:
        await alice.view("settings")
        await alice.part("test-microphone").click()
        await expect(alice.part("microphone-words")).to_have_text("We hear you.", timeout=10_000)
        options = alice.part("choose-microphone").locator("option")
        assert await options.count() > 1
        await alice.part("choose-microphone").select_option(index=1)
        await expect(alice.part("microphone-level")).to_be_visible()
        await alice.part("view-phone").click()
        live = "navigator.mediaDevices.enumerateDevices().then((all) => all.length)"
        assert await alice.run(live) > 0
        await alice.view("settings")
        await expect(alice.part("test-microphone")).to_have_text("Test the microphone")
        await expect(options.nth(1)).to_have_attribute("value", re.compile("."))
        assert await alice.part("choose-microphone").input_value() != ""


async def test_a_call_is_announced_while_the_page_is_hidden(house: House) -> None:
    async with house.tab(ALICE, permissions=("notifications",)) as alice, house.tab(BOB) as bob:
        await alice.view("settings")
        await alice.part("choose-notices").check()
        await alice.run(
            """() => {
              window.told = [];
              window.Notification = new Proxy(Notification, {
                construct(Real, facts) {
                  const notice = new Real(...facts);
                  window.told.push(notice);
                  return notice;
                },
              });
              Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
            }"""
        )
        await bob.call("alice")
        await expect(alice.part("incoming")).to_be_visible()
        shown = await alice.run("told.map(({ title, body }) => [title, body])")
        assert shown == [["bob is calling", "Click to open the phone."]]
        await alice.run("window.focus = () => { window.focused = true; }")
        await alice.run("told[0].dispatchEvent(new Event('click'))")
        assert await alice.run("window.focused") is True
        await bob.part("hangup").click()
        await expect(alice.part("incoming")).to_be_hidden()


async def test_the_first_steps_lead_to_a_call_and_do_not_come_again(house: House) -> None:
    async with house.tab(BOB) as bob, house.tab(ALICE, welcome=True) as alice:
        await alice.part("start-microphone").click()
        await expect(alice.part("start-heard")).to_have_text("We hear you.", timeout=10_000)
        await expect(alice.part("step-microphone")).to_have_attribute("data-done", "")
        await alice.part("start-people").get_by_role("button").first.click()
        await bob.part("accept").click()
        await alice.in_state("talking")
        await bob.part("hangup").click()
        await expect(alice.part("start-words")).to_contain_text("That was your first call")
        await alice.part("finish").click()
        await alice.page.reload()
        await expect(alice.part("dial-input")).to_be_visible()
        await expect(alice.part("start")).to_be_hidden()
        await alice.view("settings")
        await alice.part("open-start").click()
        await expect(alice.part("start")).to_be_visible()


async def test_the_first_steps_make_settings_for_linphone(house: House) -> None:
    async with house.tab(ALICE, welcome=True) as alice:
        await alice.part("choose-linphone").click()
        await alice.part("make-phone").click()
        fields = alice.part("phone-fields")
        await expect(fields.locator("code").first).to_have_text("alice")
        await expect(fields).to_contain_text("wsphone.local")
        drawn = "document.querySelector('#phone-qr').decode().then(() => true)"
        assert await alice.run(drawn)
        assert (await alice.part("phone-url").inner_text()).startswith(house.url)
