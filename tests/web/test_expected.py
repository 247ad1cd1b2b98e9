"""Calls that a person came for by a notification, before or after they ring in the page."""

import pytest
from playwright.async_api import Page

from tests.web.hub import Hub
from tests.web.test_phone import lab

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALL = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


async def test_a_call_that_was_answered_before_it_rang_is_taken_as_it_rings(page: Page) -> None:
    talked = await lab(
        page,
        """
        const line = new Switch();
        const [alice, bob] = [line.add('alice'), line.add('bob')];
        const dialled = alice.phone.dial('bob');
        bob.phone.expect(alice.phone.active.id, true);
        const expected = bob.phone.expected === alice.phone.active.id;
        await dialled;
        await until(() => alice.phone.active?.sound === 'connected');
        return [expected, bob.phone.active.state, bob.phone.expected];""",
    )
    assert talked == [True, "talking", None]


async def test_a_call_that_was_only_looked_at_rings_on(page: Page) -> None:
    states = await lab(
        page,
        """
        const line = new Switch();
        const [alice, bob] = [line.add('alice'), line.add('bob')];
        await alice.phone.dial('bob');
        await until(() => bob.phone.incoming.length === 1);
        bob.phone.expect(alice.phone.active.id, false);
        return [bob.phone.incoming[0].pending, bob.phone.expected];""",
    )
    assert states == [None, None]


async def test_a_notification_does_not_end_the_call_that_goes_on(page: Page) -> None:
    told = await lab(
        page,
        """
        const { line, b, bob } = await talking();
        const call = 'the second';
        bob.phone.expect(call, true);
        line.tell('bob', 'call.incoming', { call, from: { address: 'carol' }, ring_seconds: 30 });
        await until(() => bob.phone.incoming.length === 1);
        return [b.state, bob.phone.incoming[0].pending, bob.phone.expected];""",
    )
    assert told == ["talking", None, None]


async def test_whoever_comes_too_late_hears_how_the_call_ended(page: Page) -> None:
    late = await lab(
        page,
        """
        const line = new Switch();
        const bob = line.add('bob');
        const end = (call) => {
          line.tell('bob', 'call.ended', { call, reason: 'cancelled', by: 'caller' });
        };
        bob.phone.expect('wanted', true);
        end('another');
        end('wanted');
        end('wanted');
        await until(() => bob.phone.expected === null);
        return line.late;""",
    )
    assert late == [["bob", {"reason": "cancelled", "by": "caller"}]]


async def test_a_session_says_which_call_woke_it(page: Page, hub: Hub) -> None:
    await page.evaluate(
        "async (call) => (await import('/lab.js')).openSession(['token'], call)", CALL
    )
    _, request = await hub.opened()
    assert request["params"]["woken_by"] == CALL
