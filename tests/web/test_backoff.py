"""When the page comes back after a socket closed, and how."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

STEPS = """async ([codes, random]) => {
  const { Backoff } = await import('/backoff.js');
  const backoff = new Backoff(() => random);
  return codes.map((code) => backoff.next(code));
}"""


async def steps(page: Page, *codes: int, random: float = 1) -> list[tuple[str, int]]:
    found: list[dict[str, Any]] = await page.evaluate(STEPS, [list(codes), random])
    return [(step["step"], step["waitMs"]) for step in found]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 4408, 4429, 4999])
async def test_a_lost_socket_resumes(page: Page, code: int) -> None:
    [(step, _)] = await steps(page, code)
    assert step == "resume"


async def test_waits_double_up_to_half_a_minute(page: Page) -> None:
    waits = [wait for _, wait in await steps(page, *[1006] * 9)]
    assert waits == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]


async def test_waits_are_spread_over_most_of_their_length(page: Page) -> None:
    assert await steps(page, 1006, random=0) == [("resume", 100)]
    assert await steps(page, 1006, random=0.5) == [("resume", 300)]


@pytest.mark.parametrize("code", [1012, 4429])
async def test_a_crowd_that_is_sent_away_spreads_at_once(page: Page, code: int) -> None:
    assert await steps(page, code) == [("resume", 2000)]


async def test_bad_messages_back_off_to_five_minutes_with_fresh_sessions(page: Page) -> None:
    found = await steps(page, *[4400] * 8)
    assert {step for step, _ in found} == {"fresh"}
    assert [wait for _, wait in found][-3:] == [160_000, 300_000, 300_000]


async def test_opening_does_not_forgive_bad_messages_but_a_ping_does(page: Page) -> None:
    waits = await page.evaluate(
        """async () => {
          const { Backoff } = await import('/backoff.js');
          const backoff = new Backoff(() => 1);
          const waits = [backoff.next(4400).waitMs];
          backoff.opened();
          waits.push(backoff.next(4400).waitMs);
          backoff.healthy();
          return [...waits, backoff.next(4400).waitMs];
        }"""
    )
    assert waits == [5_000, 10_000, 5_000]


async def test_a_refused_token_is_renewed_once_and_then_asks_for_a_login(page: Page) -> None:
    assert await steps(page, 4401, 4401) == [("renew", 0), ("login", 0)]


async def test_what_is_forbidden_or_moved_stays_away(page: Page) -> None:
    assert [step for step, _ in await steps(page, 4403, 4409)] == ["forbidden", "moved"]
