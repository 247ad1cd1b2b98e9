"""The HTTP listeners: plain, or TLS with a plain door beside it that shows the way in."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from signaling import lan
from signaling.authority import LocalAuthority
from signaling.guard import Guard
from signaling.http import host_of, set_manners
from signaling.provisioning import Provisioning, add_provisioning
from signaling.shared.config import Config, is_loopback
from signaling.shared.errors import OperatorError
from signaling.tls import CertificateFiles, Tls

log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 2.0
_LOOK_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class House:
    """A house's own authority, and by which names and addresses we are reached in it now."""

    authority: LocalAuthority
    hosts: Callable[[], list[str]]


class Front:
    """Where browsers and phones reach us by HTTP; opened once, for one application."""

    def __init__(self, config: Config, house: House | None = None) -> None:
        """Raises OperatorError for a certificate that does not serve."""
        self._config = config
        self._house = house
        self._tls = self._certified()
        self._runners: list[web.AppRunner] = []
        self._looking: asyncio.Task[None] | None = None

    @property
    def guard(self) -> Guard:
        """For what is served to pages."""
        return self._guard("http" if self._tls is None else "https")

    def provisioning(self) -> Provisioning:
        """Phones trust no authority of a house: there they fetch their settings by plain HTTP."""
        http = self._config.http
        port = http.port if self._house is not None else None
        return Provisioning(
            self._config,
            trusted_proxies=http.trusted_proxies,
            plain_port=port,
            for_phones=self._for_phones,
        )

    async def open(self, app: web.Application, provisioning: Provisioning) -> None:
        """Listen; raises OperatorError when a port is taken."""
        http, tls = self._config.http, self._config.tls
        if self._tls is None:
            await self._listen(app, http.port, "http.host, http.port")
            return
        await self._listen(app, tls.port, "http.host, tls.port", self._tls.context)
        await self._listen(self._plain_door(provisioning), http.port, "http.host, http.port")
        if self._house is not None:
            self._looking = asyncio.create_task(self._keep_fresh(), name="certificate")

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()

    def reload(self) -> None:
        """Read the certificate again, or renew the house's own."""
        try:
            self._refresh()
        except OperatorError as error:
            log.error("the certificate stays as it was: %s", error)
        if self._tls is not None:
            self._tls.reload()

    def _for_phones(self, host: str) -> str:
        """The host, or where it is loopback one that is not, when the house knows any."""
        if self._house is None or not is_loopback(host.strip("[]")):
            return host
        return next((each for each in self._house.hosts() if not is_loopback(each)), host)

    def _certified(self) -> Tls | None:
        if self._house is not None:
            self._refresh()
            return Tls(self._house.authority.files)
        cert, key = self._config.tls.cert, self._config.tls.key
        return Tls(CertificateFiles(cert, key)) if cert is not None and key is not None else None

    def _refresh(self) -> bool:
        house = self._house
        return house is not None and house.authority.refresh(house.hosts(), now=datetime.now(UTC))

    async def _keep_fresh(self) -> None:
        """Renew in time, and follow the machine to its next address."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.reload()

    def _guard(self, scheme: str) -> Guard:
        http = self._config.http
        secure = scheme == "https"
        return Guard(
            host=http.host,
            port=self._config.tls.port if secure else http.port,
            allowed_origins=http.allowed_origins,
            scheme="https" if secure else "http",
            names=() if self._tls is None else self._tls.names(),
        )

    def _plain_door(self, provisioning: Provisioning) -> web.Application:
        """What plain HTTP is good for: the way to HTTPS, and how to trust it."""
        app = web.Application()
        set_manners(app, self._guard("http"))
        if self._house is not None:
            lan.add_trust(app, self._house.authority, self._config.tls.port)
            add_provisioning(app, provisioning)
        app.router.add_get("/{path:.*}", self._send_on)
        return app

    async def _send_on(self, request: web.Request) -> web.Response:
        host = host_of(request.host)
        port = self._config.tls.port
        netloc = host if port == 443 else f"{host}:{port}"
        raise web.HTTPPermanentRedirect(f"https://{netloc}{request.raw_path}")

    async def _listen(
        self, app: web.Application, port: int, keys: str, context: ssl.SSLContext | None = None
    ) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        host = self._config.http.host
        try:
            await web.TCPSite(runner, host, port, ssl_context=context).start()
        except OSError as error:
            raise OperatorError(
                f"{keys}: TCP {host}:{port} cannot be had: {error.strerror}; "
                "stop the program that has it, or choose another port"
            ) from error
