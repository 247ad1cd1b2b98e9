"""Timers on the loop that the server runs on."""

import asyncio
import random
from collections.abc import Callable

import pytest
import uvloop

from media.reporter import Reporter
from signaling.shared.timers import call_at, call_later


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_none_is_early(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    rng = random.Random(1)

    async def early(relative: bool) -> float:
        loop = asyncio.get_running_loop()
        when, fired = loop.time() + rng.random() / 100, loop.create_future()
        if relative:
            call_later(when - loop.time(), lambda: fired.set_result(loop.time()))
        else:
            call_at(when, lambda: fired.set_result(loop.time()))
        return when - float(await fired)

    async def main() -> list[float]:
        return [await early(relative) for relative in (False, True) * 100]

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert max(runner.run(main())) <= 0


def test_who_has_reports_to_make_wakes_up_once_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    made = woken = 0
    run = Reporter._run

    def woke(reporter: Reporter) -> None:
        nonlocal woken
        woken += 1
        run(reporter)

    async def main() -> None:
        enough = asyncio.Event()

        def report() -> bool:
            nonlocal made
            made += 1
            if made == 50:
                enough.set()
            return made < 50

        Reporter(0.01).add(report)
        await enough.wait()

    monkeypatch.setattr(Reporter, "_run", woke)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert woken == made
