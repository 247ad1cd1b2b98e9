"""The graphs of a call's sound: what they draw, and what they say to who does not see them."""

import pytest
from playwright.async_api import Page, expect

from media.quality import opinion
from tests.end_to_end.server import ALICE, BOB
from tests.web.house import House

pytestmark = pytest.mark.asyncio(loop_scope="package")

DRAW = """async (points) => {
  const { Graph } = await import('/graph.js');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const graph = new Graph(svg);
  points.forEach(([quality, loss]) => graph.add({ quality, loss }));
  const [, line, bars] = [...svg.querySelectorAll('path')].map((path) => path.getAttribute('d'));
  return { line, bars, span: graph.span };
}"""


@pytest.mark.parametrize(
    ("loss", "jitter_ms", "round_trip_ms"), [(0, 0, 0), (0.02, 5, 40), (0.1, 30, 500), (1, 0, 0)]
)
async def test_the_page_judges_sound_as_the_server_does(
    page: Page, loss: float, jitter_ms: float, round_trip_ms: float
) -> None:
    script = "async (args) => (await import('/opinion.js')).opinion(...args)"
    score = await page.evaluate(script, [loss, jitter_ms, round_trip_ms])
    assert score == pytest.approx(opinion(loss, jitter_ms / 1000, round_trip_ms / 1000), abs=0.006)


async def test_the_newest_is_at_the_right_and_losses_are_bars(page: Page) -> None:
    drawn = await page.evaluate(DRAW, [[4.5, 0], [1, 0.1], [4.5, 0.001]])
    assert drawn["line"] == "M115.9,0L118,30L120,0"
    assert drawn["bars"] == "M118,30v-15M120,30v-2"
    assert drawn["span"] == {"least": 1, "most": 4.5}


async def test_it_shows_two_minutes(page: Page) -> None:
    drawn = await page.evaluate(DRAW, [[1, 0]] + [[4, 0]] * 60)
    assert drawn["line"].count("L") == 59
    assert drawn["line"].startswith("M0,")
    assert drawn["span"] == {"least": 4, "most": 4}


async def test_one_point_is_no_line(page: Page) -> None:
    assert (await page.evaluate(DRAW, [[4, 0]]))["line"] == ""


async def test_a_call_shows_both_directions_while_it_lasts(house: House) -> None:
    async with house.tab(ALICE) as alice, house.tab(BOB) as bob:
        await alice.call("bob")
        await bob.part("accept").click()
        for name in ("graph-here", "graph-there"):
            graph = alice.part(name)
            await expect(graph).to_be_visible()
            await expect(graph).to_have_accessible_name(
                "Quality over the last two minutes: 4.4 to 4.4 of 5"
            )
        await alice.part("hangup").click()
        await alice.in_state("ended")
        await expect(alice.part("call-graphs")).to_be_hidden()
