"""Who is reachable is asked for while somebody looks, and not more often than need be."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

# The page's timer in the test's hands: `tick` is what it would do after `waitMs`.
PEOPLE = """
const { People } = await import('/people.js');
const real = { setInterval, clearInterval };
const timer = { tick: null, waitMs: 0 };
window.setInterval = (tick, waitMs) => { Object.assign(timer, { tick, waitMs }); return 1; };
window.clearInterval = () => { timer.tick = null; };
const bob = { name: 'bob', address: 'bob@wsphone.local', display_name: 'Bob', reachable: true };
let asked = 0;
let answer = async () => ({ people: [bob], more: false });
const people = new People((method) => { asked += 1; return answer(method); }, () => {});
const settled = () => new Promise((resolve) => setTimeout(resolve));
"""


async def run(page: Page, body: str) -> Any:
    restore = "finally { Object.assign(window, real); }"
    return await page.evaluate(f"async () => {{ {PEOPLE} try {{ {body} }} {restore} }}")


async def test_looking_asks_at_once_and_then_every_half_minute(page: Page) -> None:
    told = await run(
        page,
        """people.watch(true);
        people.watch(true);
        await settled();
        timer.tick();
        await settled();
        const looked = [asked, timer.waitMs, people.list.length];
        people.watch(false);
        return [...looked, timer.tick];""",
    )
    assert told == [2, 30_000, 1, None]


async def test_one_question_waits_for_the_other(page: Page) -> None:
    told = await run(
        page,
        """let give;
        answer = () => new Promise((resolve) => { give = resolve; });
        void people.look();
        await people.look();
        const meanwhile = asked;
        give({ people: [bob], more: true });
        await settled();
        return [meanwhile, people.more];""",
    )
    assert told == [1, True]


async def test_without_an_answer_the_last_list_stays_and_is_called_old(page: Page) -> None:
    told = await run(
        page,
        """await people.look();
        answer = async () => { throw new Error('no'); };
        await people.look();
        const kept = [people.list.length, people.stale];
        people.forget();
        return [...kept, people.list.length, people.stale];""",
    )
    assert told == [1, True, 0, False]
