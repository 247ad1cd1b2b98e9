"""Every end and every trouble has a sentence of its own."""

import pytest
from playwright.async_api import Page

from signaling.shared.reasons import EndReason

pytestmark = pytest.mark.asyncio(loop_scope="package")

REASON = "async (call) => (await import('/texts.js')).reasonText(call)"


@pytest.mark.parametrize("side", ["caller", "callee"])
async def test_every_end_reason_has_its_own_sentence(page: Page, side: str) -> None:
    other = "callee" if side == "caller" else "caller"
    sentences = {
        await page.evaluate(
            REASON, {"reason": reason.value, "by": other, "side": side, "talkingSince": None}
        )
        for reason in EndReason
    }
    assert "" not in sentences
    assert len(sentences) == len(EndReason)


async def test_whoever_hangs_up_reads_so(page: Page) -> None:
    ended = {"reason": "hangup", "by": "caller", "talkingSince": 1}
    assert await page.evaluate(REASON, {**ended, "side": "caller"}) == "You hung up."
    assert await page.evaluate(REASON, {**ended, "side": "callee"}) == "They hung up."


async def test_an_unknown_reason_reads_as_an_error(page: Page) -> None:
    call = {"by": "server", "side": "caller", "talkingSince": None}
    unknown = await page.evaluate(REASON, {**call, "reason": "of_next_year"})
    assert unknown == await page.evaluate(REASON, {**call, "reason": "error"})


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
async def test_durations_read_like_a_clock(page: Page, seconds: float, shown: str) -> None:
    script = "async (seconds) => (await import('/texts.js')).durationText(seconds)"
    assert await page.evaluate(script, seconds) == shown


@pytest.mark.parametrize(
    ("status", "word"), [(0, "reached"), (401, "password"), (403, "not let"), (500, "failed")]
)
async def test_a_failed_login_says_why(page: Page, status: int, word: str) -> None:
    script = """async (status) => {
      const { HttpError } = await import('/errors.js');
      return (await import('/texts.js')).loginErrorText(new HttpError(status));
    }"""
    assert word in await page.evaluate(script, status)
