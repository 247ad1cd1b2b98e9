"""Draws the PNG icons of the page from web/icon.svg: `python -m tests.web.draw_icons`."""

import asyncio
from dataclasses import dataclass

from playwright.async_api import async_playwright

from tests.web.conftest import CHROMIUM, WEB

# The colour that the drawing itself is on, so that a mask cuts into nothing else.
BACK = "#2f55d4"


@dataclass(frozen=True)
class Icon:
    """`share` of the width is the drawing's; systems cut a maskable one to 80 % of it."""

    name: str
    pixels: int
    share: int
    back: str


ICONS = (
    Icon("icon-192", 192, 100, "transparent"),
    Icon("icon-512", 512, 100, "transparent"),
    Icon("icon-maskable", 512, 78, BACK),
)

PAGE = """<style>
  body {{ display: grid; place-items: center; height: 100vh; margin: 0; background: {back}; }}
  svg {{ width: {share}%; height: {share}%; }}
</style>{drawing}"""


async def draw() -> None:
    drawing = (WEB / "icon.svg").read_text()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for icon in ICONS:
            page = await browser.new_page(viewport={"width": icon.pixels, "height": icon.pixels})
            await page.set_content(PAGE.format(back=icon.back, share=icon.share, drawing=drawing))
            await page.screenshot(path=WEB / f"{icon.name}.png", omit_background=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(draw())
