"""Waits on conditions that nothing announces."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")

LOOK_SECONDS = 0.05


async def eventually(
    look: Callable[[], Awaitable[Value]], wanted: Callable[[Value], bool], *, seconds: float = 10
) -> Value:
    """Look again and again until the value is as `wanted`; AssertionError shows the last one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not wanted(value := await look()):
        if loop.time() > deadline:
            raise AssertionError(f"after {seconds} s it is still {value!r}")
        await asyncio.sleep(LOOK_SECONDS)
    return value
