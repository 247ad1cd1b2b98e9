"""Keeps house: calls and recordings go when their time is over, and what a crash left is mended."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from signaling.records import Records

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
SETTLE_SECONDS = 1.0
"""How long a process that died may take to let go of the file that it wrote."""
_DAY_SECONDS = 86_400


async def keep_house(
    records: Records,
    *,
    days: int,
    seconds_of: Callable[[bytes], float],
    clock: Callable[[], float] = time.time,
) -> None:
    """Look every hour, for ever, at the start, and when a recording was not given its end.

    See Recordings.mend for `seconds_of`.
    """
    while True:
        try:
            await tidy(records, before=clock() - days * _DAY_SECONDS, seconds_of=seconds_of)
        except Exception:  # noqa: BLE001  the edge of a look: the next one comes
            log.exception("calls that are too old could not be removed")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await records.recordings.abandoned()
        await asyncio.sleep(SETTLE_SECONDS)


async def tidy(records: Records, *, before: float, seconds_of: Callable[[bytes], float]) -> None:
    """Remove what ended before a time, in Unix seconds, and mend and sweep the recordings."""
    await records.history.expire(before)
    await records.recordings.mend(seconds_of)
    await records.recordings.sweep()
