"""Ends what rests on logins and phones that another process removed: a command beside us."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Resting:
    """What of this process rests on which login or phone, and how to end it."""

    logins: Callable[[], Mapping[str, str]]
    """The logins with their accounts."""
    phones: Callable[[], Collection[str]]
    end_login: Callable[[str, str], None]
    """Called with account and login."""
    forget_phone: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Missing:
    """Which of some ids the database no longer has."""

    logins: Callable[[Collection[str]], Awaitable[set[str]]]
    phones: Callable[[Collection[str]], Awaitable[set[str]]]


async def follow_removals(resting: Resting, missing: Missing) -> None:
    """Look every few seconds, for ever. What this process removes itself is told at once."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await look(resting, missing)
        except Exception:  # noqa: BLE001  the edge of a look: the next one comes
            log.exception("the database could not be asked what was removed")


async def look(resting: Resting, missing: Missing) -> None:
    """End everything that rests on what is gone."""
    logins = resting.logins()
    for login in await missing.logins(logins):
        resting.end_login(logins[login], login)
    for phone in await missing.phones(resting.phones()):
        resting.forget_phone(phone)
