"""An OAuth access token that is renewed ahead of its end, without ever stopping the loop."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from push.sender import Outcome, Verdict

log = logging.getLogger(__name__)

_RENEW_AT = 0.8
_RENEW_AGAIN_SECONDS = 30.0
_LONGEST_SECONDS = 24 * 3600.0

_NONE_YET = Outcome(Verdict.RETRY, "no access token")


@dataclass(frozen=True, slots=True)
class Grant:
    """A new token, good for so long from now."""

    token: str
    seconds: float


class GrantRefused(Exception):
    """The token endpoint does not accept our credentials; trying again would not help."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a token endpoint is left in peace after it failed, and after it refused us.

    A token that the provider rejects within `trust_seconds` is not what is wrong, and stays.
    """

    failed_seconds: float = 1.0
    refused_seconds: float = 60.0
    trust_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class _Held:
    """Times are the loop's."""

    token: str
    since: float
    until: float


class AccessToken:
    """Holds one account's token. `fetch` blocks, and runs in a thread of its own.

    A push never waits for a renewal while the token before it is good. Without one, all that wait
    share one attempt, which goes on when they are cancelled.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Grant],
        pauses: Pauses,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._pauses = pauses
        self._held: _Held | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure = _NONE_YET
        self._try_at = 0.0

    @property
    def current(self) -> str | None:
        """The token, if it is good now."""
        if self._held is None or asyncio.get_running_loop().time() >= self._held.until:
            return None
        return self._held.token

    async def get(self) -> str | Outcome:
        """The token, waiting for it where there is none; an Outcome where it cannot be had.

        That is a RETRY although nothing was sent: again at once would find nothing new.
        """
        if self.current is None and self._may_try:
            # Not by awaiting the task: whoever is cancelled would take it along, and it them.
            await asyncio.wait([self._renewing()])
        return self.current or self._failure

    def suspect(self, token: str) -> bool:
        """The provider rejected this token: whether there is, or will be, another one to try."""
        held = self._held
        if held is not None and held.token == token:
            if asyncio.get_running_loop().time() - held.since < self._pauses.trust_seconds:
                return False
            self._held = None
        return True

    async def aclose(self) -> None:
        """Renew no more; a thread that still waits for the endpoint is left to end by itself."""
        if self._timer is not None:
            self._timer.cancel()
        self._try_at = math.inf
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    @property
    def _may_try(self) -> bool:
        return self._is_renewing or asyncio.get_running_loop().time() >= self._try_at

    @property
    def _is_renewing(self) -> bool:
        return self._renewal is not None and not self._renewal.done()

    def _renewing(self) -> asyncio.Task[None]:
        if self._renewal is None or not self._is_renewing:
            self._renewal = asyncio.create_task(self._renew())
        return self._renewal

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            grant = await _in_thread(self._fetch)
        except GrantRefused as error:
            log.error("%s: no access token: %s", self._name, error)
            self._failure = Outcome(Verdict.FAULT, "credentials refused")
            self._try_at = loop.time() + self._pauses.refused_seconds
            self._arm(self._pauses.refused_seconds)
        except Exception as error:  # noqa: BLE001  the edge of a thread: the old token serves on
            log.warning("%s: no access token yet: %s", self._name, type(error).__name__)
            self._failure = _NONE_YET
            self._try_at = loop.time() + self._pauses.failed_seconds
            self._arm(_RENEW_AGAIN_SECONDS)
        else:
            self._failure = _NONE_YET
            life = min(grant.seconds, _LONGEST_SECONDS)
            self._held = _Held(grant.token, began, began + life)
            # A token that is over at once must not have us ask without end.
            self._try_at = loop.time() + self._pauses.failed_seconds
            self._arm(max(life * _RENEW_AT, self._pauses.failed_seconds))

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._renewing)


async def _in_thread(fetch: Callable[[], Grant]) -> Grant:
    """Run it in a daemon: a token endpoint that hangs must not keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Grant] = loop.create_future()

    def settle(grant: Grant | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif grant is not None:
            future.set_result(grant)

    def run() -> None:
        grant, failed = None, None
        try:
            grant = fetch()
        except Exception as error:  # noqa: BLE001  carried over to the loop, and logged there
            failed = error
        # The loop may have been closed meanwhile: then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, grant, failed)

    threading.Thread(target=run, name="access-token", daemon=True).start()
    return await future
