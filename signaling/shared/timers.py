"""Timers that are never early."""

import asyncio
from collections.abc import Callable
from typing import Any

EARLY_SECONDS = 0.001
"""uvloop counts in whole milliseconds and rounds: its timers may come up to one too soon.

Whoever then looks for what is due finds nothing and sets it anew, over and over for that long.
"""


def call_at(when: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
    """As the running loop's, but at a `loop.time()` that is `when` or later."""
    return asyncio.get_running_loop().call_at(when + EARLY_SECONDS, callback, *args)


def call_later(seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
    """As the running loop's, but not before the seconds have passed."""
    loop = asyncio.get_running_loop()
    return loop.call_later(max(0.0, seconds) + EARLY_SECONDS, callback, *args)
