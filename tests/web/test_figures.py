"""Figures of a call's sound, from what a browser counts."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

READ = """async (looks) => {
  const { FigureReader } = await import('/figures.js');
  const reader = new FigureReader();
  return looks.map((stats) => reader.read(stats, null));
}"""


def look(received: int, lost: int, *, stream: str = "in", **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": stream,
            "type": "inbound-rtp",
            "kind": "audio",
            "codecId": "c",
            "packetsReceived": received,
            "packetsLost": lost,
            "jitter": 0.004,
        },
        {"id": "c", "type": "codec", "mimeType": "audio/opus"},
        *([{"id": "r", "type": "remote-inbound-rtp", **more}] if more else []),
    ]


async def test_loss_is_counted_from_look_to_look(page: Page) -> None:
    looks = [look(90, 10), look(190, 10), look(190, 10), look(285, 15)]
    shares = [figures["lostHere"] for figures in await page.evaluate(READ, looks)]
    assert shares == [0.1, 0, None, 0.05]


async def test_a_new_generation_is_counted_from_its_start(page: Page) -> None:
    looks = [look(1000, 0), look(50, 50, stream="next")]
    assert (await page.evaluate(READ, looks))[1]["lostHere"] == 0.5


async def test_a_late_duplicate_is_no_negative_loss(page: Page) -> None:
    assert (await page.evaluate(READ, [look(100, 5), look(200, 4)]))[1]["lostHere"] == 0


async def test_what_the_other_side_reports_is_shown_too(page: Page) -> None:
    [figures] = await page.evaluate(
        READ, [look(1, 0, fractionLost=0.25, jitter=0.012, roundTripTime=0.03)]
    )
    assert figures == {
        "codec": "Opus",
        "lostHere": 0,
        "lostThere": 0.25,
        "jitterHereMs": 4,
        "jitterThereMs": 12,
        "roundTripMs": 30,
        "mos": None,
    }


async def test_the_server_fills_in_what_the_browser_does_not_know(page: Page) -> None:
    told = {
        "sent": {"packets": 90, "lost": 10, "mos": 3.1},
        "received": {"packets": 100, "lost": None, "mos": None},
    }
    script = """async ([stats, told]) => {
      const { FigureReader } = await import('/figures.js');
      return new FigureReader().read(stats, told);
    }"""
    figures = await page.evaluate(script, [look(1, 0), told])
    assert (figures["lostThere"], figures["mos"]) == (0.1, 3.1)


async def test_before_anything_is_heard_there_are_none(page: Page) -> None:
    assert await page.evaluate(READ, [[]]) == [None]


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        ((0, 0, 8, 4.36), "Opus · no loss · 8 ms there and back · quality 4.4 of 5"),
        ((0, 0, 23.6, None), "Opus · no loss · 24 ms there and back"),
        ((0.0004, None, None, None), "Opus · no loss"),
        ((0.0123, 0, None, None), "Opus · 1.2% lost on the way to you"),
        ((0, 0.5, 8, None), "Opus · 50% lost on the way to them · 8 ms there and back"),
    ],
)
async def test_the_line_names_only_what_matters(page: Page, figures: Any, line: str) -> None:
    script = "async (figures) => (await import('/texts.js')).figuresText(figures)"
    names = ("lostHere", "lostThere", "roundTripMs", "mos")
    told = {"codec": "Opus", **dict(zip(names, figures, strict=True))}
    assert await page.evaluate(script, told) == line


@pytest.mark.parametrize(("amplitude", "expected"), [(1.0, 0.0), (0.1, -20.0)])
async def test_loudness_is_told_below_full_scale(
    page: Page, amplitude: float, expected: float
) -> None:
    script = """async (amplitude) => {
      const samples = Float32Array.from({ length: 64 }, (_, n) => n % 2 ? amplitude : -amplitude);
      return (await import('/meter.js')).loudness(samples);
    }"""
    assert abs(await page.evaluate(script, amplitude) - expected) < 0.01
