"""Pages in a call listen to each other: is what they hear what was said?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.end_to_end.audio import MIN_PESQ, Verdict, compare
from tests.end_to_end.browser import Softphone
from tests.end_to_end.sounds import Voice

LISTEN_SECONDS = 8.0
"""How long to record: one voice, and before it what jitter buffers take to settle."""

ATTEMPTS = 3
"""A browser on a busy machine is late with its own playing now and then; a fault of the call is
there every time."""


async def nothing() -> None:
    """What happens meanwhile, mostly."""


async def hear(
    folder: Path,
    *ears: tuple[Softphone, Voice],
    meanwhile: Callable[[], Awaitable[None]] = nothing,
    least_pesq: float = MIN_PESQ,
) -> None:
    """Each page hears its voice undisturbed, whatever happens meanwhile; else AssertionError."""
    verdicts: list[list[Verdict]] = []
    for attempt in range(ATTEMPTS):
        paths = [folder / f"heard-{attempt}-{index}.wav" for index in range(len(ears))]
        async with AsyncExitStack() as recordings:
            for (phone, _), path in zip(ears, paths, strict=True):
                await recordings.enter_async_context(phone.recording(path))
            await asyncio.gather(asyncio.sleep(LISTEN_SECONDS), meanwhile())
        found = [compare(path, voice.once) for (_, voice), path in zip(ears, paths, strict=True)]
        if all(verdict.passes(least_pesq) for verdict in found):
            return
        verdicts.append(found)
    raise AssertionError(f"{folder}: {verdicts}")
