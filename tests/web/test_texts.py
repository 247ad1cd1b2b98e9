"""Every end and every trouble has a sentence of its own."""

import pytest
from playwright.async_api import Page

from signaling.shared.reasons import EndReason
from tests.web.conftest import WEB

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


async def test_every_language_has_every_text(page: Page) -> None:
    keys = await page.evaluate(
        """async () => {
          const { LANGUAGES } = await import('/texts.js');
          const shape = (value, path = '') => typeof value === 'object'
            ? Object.entries(value).flatMap(([key, inner]) => shape(inner, `${path}.${key}`))
            : [`${path}:${typeof value}${typeof value === 'function' ? value.length : ''}`];
          return Object.values(LANGUAGES).map((words) => shape(words).sort());
        }"""
    )
    assert len(keys) >= 2
    assert all(language == keys[0] for language in keys[1:])


async def test_every_text_that_the_page_asks_for_is_there(page: Page) -> None:
    html = (WEB / "index.html").read_text()
    languages = await page.evaluate(
        """async (html) => {
          const { LANGUAGES, speak } = await import('/texts.js');
          const page = new DOMParser().parseFromString(html, 'text/html');
          document.body.replaceWith(page.body);
          return Object.keys(LANGUAGES).map((language) => {
            speak(language);
            const places = [...document.querySelectorAll('[data-text]')];
            return places.filter((place) => place.textContent === '').length;
          });
        }""",
        html,
    )
    assert languages == [0, 0]


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [(["de-AT", "en"], "de"), (["fr", "en-US", "de"], "en"), (["fr"], "en"), ([], "en")],
)
async def test_the_first_language_that_we_have_is_spoken(
    page: Page, wanted: list[str], spoken: str
) -> None:
    script = "async (wanted) => (await import('/texts.js')).bestLanguage(wanted)"
    assert await page.evaluate(script, wanted) == spoken
