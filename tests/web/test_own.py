"""What a person keeps in the browser: contacts and the list of calls."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

OWN = """
const { Own } = await import('/own.js');
const account = { id: 'a1', name: 'alice', address: 'alice@wsphone.local' };
localStorage.clear();
const own = new Own(localStorage, account);
const call = (id, facts = {}) => ({
  id, direction: 'incoming', peer: { address: 'bob@wsphone.local' }, seconds: 0,
  talkingSince: null, reason: 'no_answer', by: 'server', ...facts,
});
"""


async def run(page: Page, body: str) -> Any:
    return await page.evaluate(f"async () => {{ {OWN} {body} }}")


@pytest.mark.parametrize(
    ("kept", "calling"),
    [
        ("bob", "bob@wsphone.local"),
        ("SIP:Bob@WSPhone.local;transport=udp", "bob@wsphone.local"),
        ("+49 (30) 123-456", "sip:+4930123456@wsphone.local"),
        ("tel:+4930123456", "+49 30 123456"),
        ("bob@example.org", "bob@EXAMPLE.org"),
    ],
)
async def test_a_contact_is_known_however_its_address_is_written(
    page: Page, kept: str, calling: str
) -> None:
    known = await run(
        page,
        f"""own.contacts.put({{ name: 'Robert', address: {kept!r} }});
        return own.contacts.known([{{ address: {calling!r}, name: 'bob' }}])[0].name;""",
    )
    assert known == "Robert"


async def test_the_same_name_elsewhere_is_another(page: Page) -> None:
    known = await run(
        page,
        """own.contacts.put({ name: 'Robert', address: 'bob@example.org' });
        return own.contacts.known([{ address: 'bob@wsphone.local', name: 'bob' }])[0].name;""",
    )
    assert known == "bob"


async def test_a_contact_that_is_put_again_gets_its_new_name(page: Page) -> None:
    names = await run(
        page,
        """own.contacts.put({ name: 'Robert', address: 'bob' });
        own.contacts.put({ name: 'Bob', address: 'sip:bob@wsphone.local' });
        return own.contacts.all().map(({ name }) => name);""",
    )
    assert names == ["Bob"]


async def test_the_list_holds_the_last_hundred_calls(page: Page) -> None:
    kept = await run(
        page,
        """for (let n = 1; n <= 120; n++) own.log.add(call(`c${n}`), n);
        const ids = own.log.all().map(({ id }) => id);
        return [ids.length, ids[0], ids[99]];""",
    )
    assert kept == [100, "c120", "c21"]


@pytest.mark.parametrize("order", [["talked", "elsewhere"], ["elsewhere", "talked"]])
async def test_of_the_tabs_that_rang_the_one_that_talked_is_believed(
    page: Page, order: list[str]
) -> None:
    kept = await run(
        page,
        f"""const told = {{
          talked: call('c', {{ reason: 'hangup', talkingSince: 1, seconds: 5 }}),
          elsewhere: call('c', {{ reason: 'answered_elsewhere' }}),
        }};
        for (const which of {order}) own.log.add(told[which], 9000);
        return own.log.all().map(({{ reason, seconds, at }}) => [reason, seconds, at]);""",
    )
    assert kept == [["hangup", 5, 4000]]


async def test_accounts_of_one_browser_do_not_see_each_others_lists(page: Page) -> None:
    seen = await run(
        page,
        """own.log.add(call('c'), 1);
        own.contacts.put({ name: 'Robert', address: 'bob' });
        own.welcome();
        const bob = new Own(localStorage, { ...account, id: 'b1' });
        return [bob.log.all(), bob.contacts.all(), bob.welcomed];""",
    )
    assert seen == [[], [], False]


@pytest.mark.parametrize("stored", ["{", "null", '"text"', "[1, null, {}]"])
async def test_what_cannot_be_read_is_an_empty_list(page: Page, stored: str) -> None:
    lists = await run(
        page,
        f"""for (const list of ['log', 'contacts']) {{
          localStorage.setItem(`wsphone.${{list}}.a1`, {stored!r});
        }}
        return [own.log.all(), own.contacts.all()];""",
    )
    assert lists == [[], []]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("112", "112"),
        (" 1-1 2", "112"),
        ("tel:110", "110"),
        ("sip:110@wsphone.local", "110"),
        ("1120", None),
        ("911", None),
        ("bob", None),
        ("", None),
    ],
)
async def test_the_servers_emergency_numbers_are_known_in_any_spelling(
    page: Page, typed: str, number: str | None
) -> None:
    script = """async (typed) => {
      const { EmergencyNumbers } = await import('/emergency.js');
      localStorage.clear();
      new EmergencyNumbers(localStorage).keep(['112', '110']);
      return new EmergencyNumbers(localStorage).find(typed);
    }"""
    assert await page.evaluate(script, typed) == number
