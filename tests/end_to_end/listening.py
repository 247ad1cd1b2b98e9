"""Pages and telephones in a call listen to each other: is what they hear what was said?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Protocol

from tests.end_to_end.audio import MIN_PESQ, Verdict, compare
from tests.end_to_end.sounds import Voice

LISTEN_SECONDS = 8.0
"""How long to record: one voice, and before it what jitter buffers take to settle."""

ATTEMPTS = 5
"""Programs on a busy machine are late with their own playing now and then; a fault of the call is
there every time."""


class Ear(Protocol):
    """Whoever hears a call: a page or a telephone."""

    def hearing(self, path: Path) -> AbstractAsyncContextManager[None]:
        """Record what it hears while the block runs, to a WAV file."""


async def nothing() -> None:
    """What happens meanwhile, mostly."""


async def hear(
    folder: Path,
    *ears: tuple[Ear, Voice],
    meanwhile: Callable[[], Awaitable[None]] = nothing,
    least_pesq: float = MIN_PESQ,
) -> None:
    """Each ear hears its voice undisturbed, whatever happens meanwhile; else AssertionError."""
    verdicts: list[Verdict] = []
    left = list(ears)
    for attempt in range(ATTEMPTS):
        paths = [folder / f"heard-{attempt}-{index}.wav" for index in range(len(left))]
        async with AsyncExitStack() as recordings:
            for (ear, _), path in zip(left, paths, strict=True):
                await recordings.enter_async_context(ear.hearing(path))
            await asyncio.gather(asyncio.sleep(LISTEN_SECONDS), meanwhile())
        found = [compare(path, voice.once) for (_, voice), path in zip(left, paths, strict=True)]
        verdicts += found
        left = [ear for ear, one in zip(left, found, strict=True) if not one.passes(least_pesq)]
        if not left:
            return
    raise AssertionError(f"{folder}: {verdicts}")
