"""Pages and telephones in a call listen to each other: is what they hear what was said?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Protocol

from tests.end_to_end.audio import MIN_PESQ, Verdict, compare, loudest_tone
from tests.end_to_end.precedence import precedence
from tests.end_to_end.sounds import Voice
from tests.end_to_end.waiting import eventually

LISTEN_SECONDS = 8.0
"""How long to record: one voice, and before it what jitter buffers take to settle."""

RELAXED_PESQ = 3.0
"""Where a call's way is what is tested, and its sound has more programs to pass."""

LISTEN_TWICE_SECONDS = 150
"""The time limit of a test that listens twice, each time as often as it may."""

TONE_SECONDS = 1.5
NEARLY_HERTZ = 10

ATTEMPTS = 5
"""Programs on a busy machine are late with their own playing now and then; a fault of the call is
there every time."""


class Ear(Protocol):
    """Whoever hears a call: a page or a telephone."""

    def hearing(self, path: Path) -> AbstractAsyncContextManager[None]:
        """Record what it hears while the block runs, to a WAV file."""


async def hears_tone(ear: Ear, folder: Path, hertz: int) -> None:
    """Wait until an ear hears a tone, and hardly anything else."""
    path = folder / "tone.wav"

    async def heard() -> int:
        async with ear.hearing(path):
            await asyncio.sleep(TONE_SECONDS)
        return loudest_tone(path)

    await eventually(heard, lambda heard: abs(heard - hertz) < NEARLY_HERTZ)


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
            recordings.enter_context(precedence())
            for (ear, _), path in zip(left, paths, strict=True):
                await recordings.enter_async_context(ear.hearing(path))
            await asyncio.gather(asyncio.sleep(LISTEN_SECONDS), meanwhile())
        found = [compare(path, voice.once) for (_, voice), path in zip(left, paths, strict=True)]
        verdicts += found
        left = [ear for ear, one in zip(left, found, strict=True) if not one.passes(least_pesq)]
        if not left:
            return
    raise AssertionError(f"{folder}: {verdicts}")
