"""The clock by which the running loop measures time-outs."""

import asyncio


def let_pass(seconds: float) -> None:
    """Have so much time passed at once: what it ends, ends in the loop's next turn."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
