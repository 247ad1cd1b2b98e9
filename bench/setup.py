"""From the click on "call" to the first audio packet, both ways: our server against Janus.

One Chromium calls one Linphone, through either in turn, on this machine and in this run. Janus'
page is a bare one that does nothing else; ours is the softphone as people use it.
"""

import argparse
import asyncio
import itertools
import os
import shutil
import socket
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench import janus
from bench.wire import Wire
from tests.end_to_end.browser import Softphone, launch, softphone
from tests.end_to_end.conftest import NAMESPACE
from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.ports import Ports, take_ports
from tests.end_to_end.server import ALICE, BOB, running_server
from tests.end_to_end.sounds import make_sounds

SCRIPT = Path(__file__).parents[1] / "tests" / "end_to_end" / "namespace.sh"
OURS, THEIRS = "wsphone", "Janus"
SECONDS = 10.0
PAUSE_SECONDS = 0.3

CLICK = """() => {
  const clicked = Date.now();
  document.querySelector('[data-testid=dial-call]').click();
  return clicked;
}"""


@dataclass(frozen=True, slots=True)
class Setup:
    """Milliseconds from the click until sound reaches the phone, and the page's socket."""

    to_phone: float
    to_page: float


@dataclass(frozen=True, slots=True)
class Way:
    """One way to call: whose ports its packets leave from, how to begin and how to end."""

    name: str
    browser_ports: range
    phone_ports: range
    begin: Callable[[], Awaitable[float]]
    end: Callable[[], Awaitable[object]]


def our_way(alice: Softphone, ports: Ports) -> Way:
    """Through our server, by the page's own buttons."""

    async def begin() -> float:
        await alice.part("dial-input").fill("bob")
        clicked: float = await alice.page.evaluate(CLICK)
        return clicked

    async def end() -> None:
        await alice.hang_up()
        await alice.ended()

    media = range(ports.media_min, ports.media_max + 1)
    return Way(OURS, media, media, begin, end)


def janus_way(page: Page, bob: Linphone) -> Way:
    """Through Janus, straight to the phone's address."""

    async def begin() -> float:
        clicked: float = await page.evaluate(janus.CALL, bob.address)
        return clicked

    return Way(
        THEIRS,
        janus.BROWSER_PORTS,
        janus.PHONE_PORTS,
        begin,
        lambda: page.evaluate(janus.HANG_UP),
    )


async def measure(way: Way, wire: Wire, bob: Linphone) -> Setup:
    """One call, from the click to its end."""
    since = bob.mark()
    phone = range(bob.line.rtp_port, bob.line.rtp_port + 99)
    to_phone = wire.first(lambda source, target: source in way.phone_ports and target in phone)
    to_page = wire.first(lambda source, target: source in way.browser_ports and target not in phone)
    try:
        async with asyncio.timeout(SECONDS):
            clicked = await way.begin() / 1000
            heard = await asyncio.gather(asyncio.shield(to_phone), asyncio.shield(to_page))
    except TimeoutError:
        missing = [
            end for end, first in (("phone", to_phone), ("page", to_page)) if not first.done()
        ]
        raise TimeoutError(f"{way.name}: no sound at the {' and the '.join(missing)}") from None
    await way.end()
    await bob.ended(since=since)
    await asyncio.sleep(PAUSE_SECONDS)
    return Setup(*((at - clicked) * 1000 for at in heard))


async def measure_all(calls: int, folder: Path) -> None:
    """Interleave the two, after one call each that does not count; print what came out."""
    setups: dict[str, list[Setup]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(folder, (ALICE, BOB)))
        await stack.enter_async_context(janus.janus(folder / "janus"))
        sounds = await make_sounds(folder)
        ports = take_ports()
        line = Line(
            user=BOB.name,
            secret=BOB.secret,
            registrar=server.ports.sip,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            codecs=("PCMU",),
        )
        bob = await Linphone.start(
            line, folder / "linphone", speech=sounds.b.looped, auto_answer=True
        )
        stack.push_async_callback(bob.close)
        await bob.registered()
        playwright = await stack.enter_async_context(async_playwright())
        browser = await launch(playwright, microphone=sounds.a.looped)
        stack.push_async_callback(browser.close)
        alice = await stack.enter_async_context(softphone(browser, server.url))
        await alice.log_in(ALICE.name, ALICE.password)
        page = await stack.enter_async_context(janus.janus_page(browser))
        ways = {OURS: our_way(alice, server.ports), THEIRS: janus_way(page, bob)}
        with Wire() as wire:
            for number, name in itertools.product(range(calls + 1), ways):
                setup = await measure(ways[name], wire, bob)
                if number:
                    setups[name].append(setup)
    for text in table(setups):
        sys.stdout.write(text + "\n")


def table(setups: dict[str, list[Setup]]) -> list[str]:
    """The medians and what is asked for: their ratio, at most 1."""
    heads = ("", "to the phone", "to the page", "both ways")
    rows = {
        name: [
            statistics.median(one.to_phone for one in found),
            statistics.median(one.to_page for one in found),
            statistics.median(max(one.to_phone, one.to_page) for one in found),
        ]
        for name, found in setups.items()
    }
    ratios = [ours / theirs for ours, theirs in zip(rows[OURS], rows[THEIRS], strict=True)]
    lines = [f"click to first audio packet, ms; medians of {len(setups[OURS])} calls each"]
    lines.append("".join(f"{head:>14}" for head in heads))
    for name, medians in rows.items():
        lines.append(f"{name:>14}" + "".join(f"{median:>14.0f}" for median in medians))
    lines.append(f"{'ratio':>14}" + "".join(f"{ratio:>14.2f}" for ratio in ratios))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.setup", description=__doc__)
    parser.add_argument("--calls", type=int, default=15)
    options = parser.parse_args()
    if shutil.which("janus") is None:
        parser.error("janus is missing: apt-get install --no-install-recommends janus")
    if NAMESPACE not in (name for _, name in socket.if_nameindex()):
        # Real programs on fixed ports: in a network of their own.
        again = [str(SCRIPT), sys.executable, "-m", "bench.setup", *sys.argv[1:]]
        os.execv(SCRIPT, again)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure_all(options.calls, Path(folder)))


if __name__ == "__main__":
    main()
