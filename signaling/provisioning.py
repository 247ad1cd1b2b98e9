"""Settings that a phone fetches itself: one-time addresses, and what is behind them."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import segno
from aiohttp import web

from signaling import linphone
from signaling.guard import Network, source_of
from signaling.http import TooMany, host_of, peer_of
from signaling.shared.config import Config
from signaling.shared.errors import NotFound
from signaling.throttle import Throttle

VALID_SECONDS = 600.0
MAX_OPEN = 1_000


@dataclass(frozen=True, slots=True)
class Offer:
    """Where a phone gets its settings, once: as a link, and drawn as a `data:` URI."""

    url: str
    qr: str
    expires_seconds: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    settings: linphone.Settings
    expires_at: float


class Provisioning:
    """Hands a new phone's settings to whoever comes first with the address that names them.

    They are kept in memory alone, as they hold the secret that nothing else keeps in the clear.
    """

    def __init__(
        self,
        config: Config,
        *,
        trusted_proxies: Sequence[Network] = (),
        plain_port: int | None = None,
        for_phones: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._trusted_proxies = trusted_proxies
        # Phones bring their own list of authorities, and a house's is not on it.
        self._plain_port = plain_port
        self._for_phones = for_phones
        self._clock = clock
        # By the token's hash, so that the time a look-up takes tells nothing; oldest first.
        self._waiting: OrderedDict[bytes, _Waiting] = OrderedDict()
        self._guesses = Throttle(burst=10, refill_seconds=30)

    def offer(self, request: web.Request, settings: linphone.Settings) -> Offer:
        """An address for the settings, by the name under which `request` reached us."""
        self._forget_old()
        token = secrets.token_urlsafe(32)
        self._waiting[_key(token)] = _Waiting(settings, self._clock() + VALID_SECONDS)
        if len(self._waiting) > MAX_OPEN:
            self._waiting.popitem(last=False)
        url = f"{self._base(request)}/provision/{token}"
        qr = segno.make_qr(url, error="m").svg_data_uri(scale=4, border=4, light="#fff")
        return Offer(url, qr, VALID_SECONDS)

    def proxy(self, request: web.Request) -> str:
        """Where a phone beside the page registers, for somebody to type."""
        return linphone.proxy_of(self._config, reached=self._reached(request))

    async def fetch(self, request: web.Request) -> web.Response:
        """The settings, for the first who asks; an address that is used up is like a wrong one."""
        source = source_of(peer_of(request, self._trusted_proxies))
        wait = self._guesses.wait(source, self._clock())
        if wait:
            raise TooMany("too many wrong addresses, wait a little", retry_after=wait)
        self._forget_old()
        waiting = self._waiting.pop(_key(request.match_info["token"]), None)
        if waiting is None:
            self._guesses.fail(source, self._clock())
            raise NotFound("this address was used already or is too old: ask for a new one")
        xml = linphone.provisioning(self._config, waiting.settings, reached=self._reached(request))
        return web.Response(text=xml, content_type="application/xml", charset="utf-8")

    def _base(self, request: web.Request) -> str:
        """Scheme, host and port by which a phone beside the page reaches us.

        The guard has checked both headers. A page's origin is right behind any proxy.
        """
        if self._plain_port is not None:
            return f"http://{self._for_phones(host_of(request.host))}:{self._plain_port}"
        return request.headers.get("Origin") or f"{request.scheme}://{request.host}"

    def _reached(self, request: web.Request) -> str | None:
        """The address of ours that `request` came to, as phones reach it: SIP is there too."""
        transport = request.transport
        if transport is None:
            return None
        return self._for_phones(str(transport.get_extra_info("sockname")[0]))

    def _forget_old(self) -> None:
        now = self._clock()
        while self._waiting:
            key, oldest = next(iter(self._waiting.items()))
            if oldest.expires_at > now:
                break
            del self._waiting[key]


def add_provisioning(app: web.Application, provisioning: Provisioning) -> None:
    """Serve the addresses that were handed out."""
    # No HEAD: looking at an address must not use it up, nor tell what is behind it.
    app.router.add_get("/provision/{token}", provisioning.fetch, allow_head=False)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
