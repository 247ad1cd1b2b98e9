"""The HTTP API: logging in, one's account and its phones."""

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web

from signaling.export import export_account
from signaling.guard import Network, source_of
from signaling.http import TooMany, bearer_of, json_response, peer_of, read_json
from signaling.linphone import Settings
from signaling.logins import Principal, Tokens
from signaling.provisioning import Provisioning
from signaling.records import Records
from signaling.shared.errors import Forbidden, NotAuthenticated
from signaling.shared.model import Account
from signaling.throttle import Throttle

_Handler = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]


class _DeviceId(msgspec.Struct):
    id: str


class _Login(msgspec.Struct):
    username: str
    password: str
    device: _DeviceId | None = None


class _Refresh(msgspec.Struct):
    refresh_token: str


class _Logout(msgspec.Struct):
    refresh_token: str | None = None


class _NewPassword(msgspec.Struct):
    password: str
    new_password: str


class _NewPhone(msgspec.Struct):
    name: str = ""


class _NewBlock(msgspec.Struct):
    address: str


def _nobody() -> None:
    """Nobody wants to hear of wrong passwords."""


def add_api(
    app: web.Application,
    records: Records,
    *,
    provisioning: Provisioning,
    registered: Callable[[], Collection[str]],
    trusted_proxies: Sequence[Network] = (),
    clock: Callable[[], float] = time.monotonic,
    failed: Callable[[], None] = _nobody,
) -> None:
    """Add everything under /api/ to the application.

    `registered` lists phones by their ids; `failed` is called for each wrong password.
    """
    door = _Door(records, trusted_proxies, clock, failed)
    desk = _Desk(records, door, provisioning, registered)
    app.router.add_post("/api/login", door.login)
    app.router.add_post("/api/token", door.token)
    app.router.add_post("/api/logout", door.logout)
    app.router.add_get("/api/account", door.inside(desk.account))
    app.router.add_delete("/api/account", door.inside(desk.remove_account))
    app.router.add_post("/api/account/password", door.inside(desk.set_password))
    app.router.add_get("/api/account/export", door.inside(desk.export))
    app.router.add_get("/api/phones", door.inside(desk.phones))
    app.router.add_post("/api/phones", door.inside(desk.add_phone))
    app.router.add_delete("/api/phones/{phone}", door.inside(desk.remove_phone))
    app.router.add_get("/api/blocked", door.inside(desk.blocked))
    app.router.add_post("/api/blocked", door.inside(desk.block))
    app.router.add_delete("/api/blocked/{address}", door.inside(desk.unblock))


class _Door:
    """Everything about getting in: what is asked with a password or a token."""

    def __init__(
        self,
        records: Records,
        trusted_proxies: Sequence[Network],
        clock: Callable[[], float],
        failed: Callable[[], None],
    ) -> None:
        self._records = records
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._failed = failed
        # Guessing one password, and guessing along the list of names.
        self._per_name = Throttle(burst=5, refill_seconds=15)
        self._per_source = Throttle(burst=50, refill_seconds=3)

    async def login(self, request: web.Request) -> web.Response:
        asked = await read_json(request, _Login)
        account = await self.prove(request, asked.username, asked.password)
        if account is None:
            raise NotAuthenticated("the name or the password is wrong")
        device = None if asked.device is None else asked.device.id
        tokens = await self._records.logins.open(account, device=device)
        return json_response(_login_answer(tokens, account))

    async def token(self, request: web.Request) -> web.Response:
        asked = await read_json(request, _Refresh)
        tokens, account = await self._records.logins.refresh(asked.refresh_token)
        return json_response(_login_answer(tokens, account))

    async def logout(self, request: web.Request) -> web.Response:
        """End the login of the refresh token, or else of the access token."""
        asked = await read_json(request, _Logout) if request.can_read_body else _Logout()
        logins = self._records.logins
        if asked.refresh_token is not None:
            await logins.revoke_refresh(asked.refresh_token)
        else:
            principal = await logins.authenticate(bearer_of(request))
            await logins.revoke(principal.account.id, principal.login)
        return web.Response(status=204)

    def inside(self, handler: _Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler for whoever shows an access token."""

        async def handle(request: web.Request) -> web.StreamResponse:
            principal = await self._records.logins.authenticate(bearer_of(request))
            return await handler(request, principal)

        return handle

    async def prove(self, request: web.Request, name: str, password: str) -> Account | None:
        """The account, if the password is right; who fails often has to wait for the next try.

        Raises TooMany, and TryAgain when all of us are busy.
        """
        source = source_of(peer_of(request, self._trusted_proxies))
        known_as = self._records.accounts.name_of(name) or ""
        counted = ((self._per_source, source), (self._per_name, f"{source} {known_as}"))
        wait = max(throttle.wait(key, self._clock()) for throttle, key in counted)
        if wait:
            raise TooMany("too many failed logins, wait a little", retry_after=wait)
        # No await between the check and the place that this takes: guesses at the same time are
        # as many as there are places.
        account = await self._records.accounts.authenticate(name, password)
        if account is None:
            for throttle, key in counted:
                throttle.fail(key, self._clock())
            self._failed()
        return account


class _Desk:
    """What an account may do about itself."""

    def __init__(
        self,
        records: Records,
        door: _Door,
        provisioning: Provisioning,
        registered: Callable[[], Collection[str]],
    ) -> None:
        self._records = records
        self._door = door
        self._provisioning = provisioning
        self._registered = registered

    async def account(self, _request: web.Request, principal: Principal) -> web.Response:
        return json_response(_account(principal.account))

    async def remove_account(self, _request: web.Request, principal: Principal) -> web.Response:
        await self._records.remove_account(principal.account.id)
        return web.Response(status=204)

    async def set_password(self, request: web.Request, principal: Principal) -> web.Response:
        """Every login ends, this one too; the answer holds a new one for this device."""
        asked = await read_json(request, _NewPassword)
        name = principal.account.name
        if await self._door.prove(request, name, asked.password) is None:
            raise Forbidden("the present password is wrong")
        account = await self._records.accounts.set_password(
            principal.account.id, asked.new_password
        )
        tokens = await self._records.logins.open(account, device=principal.device)
        return json_response(_login_answer(tokens, account))

    async def export(self, _request: web.Request, principal: Principal) -> web.Response:
        response = json_response(await export_account(self._records, principal.account))
        response.headers["Content-Disposition"] = 'attachment; filename="wsphone.json"'
        return response

    async def phones(self, _request: web.Request, principal: Principal) -> web.Response:
        """Each with whether it is registered now, so can be called."""
        phones = await self._records.phones.all(principal.account.id)
        here = self._registered()
        listed = [asdict(phone) | {"registered": phone.id in here} for phone in phones]
        return json_response({"phones": listed})

    async def add_phone(self, request: web.Request, principal: Principal) -> web.Response:
        """The only answer that holds the secret; a phone gets it by `provisioning`, once."""
        asked = await read_json(request, _NewPhone)
        account = principal.account
        phone, secret = await self._records.phones.add(account, asked.name)
        credential = {
            "username": account.name,
            "secret": secret,
            "domain": self._records.accounts.domain,
            "proxy": self._provisioning.proxy(request),
            "transport": "UDP",
        }
        settings = Settings(account.name, account.display_name, secret)
        offer = {"provisioning": asdict(self._provisioning.offer(request, settings))}
        return json_response(asdict(phone) | credential | offer, status=201)

    async def remove_phone(self, request: web.Request, principal: Principal) -> web.Response:
        await self._records.phones.remove(principal.account, request.match_info["phone"])
        return web.Response(status=204)

    async def blocked(self, _request: web.Request, principal: Principal) -> web.Response:
        blocks = await self._records.blocked.all(principal.account.id)
        return json_response({"blocked": [asdict(block) for block in blocks]})

    async def block(self, request: web.Request, principal: Principal) -> web.Response:
        asked = await read_json(request, _NewBlock)
        block = await self._records.blocked.add(principal.account, asked.address)
        return json_response(asdict(block), status=201)

    async def unblock(self, request: web.Request, principal: Principal) -> web.Response:
        address = request.match_info["address"]
        await self._records.blocked.remove(principal.account.id, address)
        return web.Response(status=204)


def _account(account: Account) -> dict[str, Any]:
    shown = asdict(account)
    # Ours alone: it tells how often the password was changed.
    del shown["generation"]
    return shown


def _login_answer(tokens: Tokens, account: Account) -> dict[str, Any]:
    return {
        "token": tokens.access,
        "expires_at": tokens.expires_at,
        "refresh_token": tokens.refresh,
        "account": _account(account),
    }
