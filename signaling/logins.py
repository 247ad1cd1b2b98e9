"""Logins: signed access tokens, and refresh tokens that rotate."""

import base64
import binascii
import secrets
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling.accounts import ACCOUNT_COLUMNS, account_of
from signaling.revocations import LoginRevoked, Revocations
from signaling.shared.crypto import Keyring
from signaling.shared.errors import BadMessage, NotAuthenticated
from signaling.shared.model import Account
from signaling.store import Store, missing_of
from signaling.tables import accounts, logins

ACCESS_SECONDS = 3600.0
REFRESH_SECONDS = 90 * 86400.0
# Two tabs refresh at the same moment, and answers get lost on the way to a phone: for this long
# the token before the current one is answered once more, with the same successor.
REPEAT_SECONDS = 30.0
# The oldest login of an account makes room for one more.
MAX_LOGINS = 64
_MAX_DEVICE_LENGTH = 64
_MAX_TOKEN_LENGTH = 512
_SECRET_LENGTH = 32
_UUID_LENGTH = 16
_REFUSED = "the token is not valid, log in again"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets; `expires_at` is the end of the access token."""

    access: str
    refresh: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks, by which login, and until when that may be believed."""

    account: Account
    login: str
    # The only device that the login serves; None when it named none.
    device: str | None
    expires_at: float


@dataclass(frozen=True, slots=True)
class Login:
    """One login as its account may see it."""

    id: str
    device: str | None
    created_at: float
    rotated_at: float
    expires_at: float


class _Claims(msgspec.Struct, frozen=True, array_like=True):
    login: str
    account: str
    generation: int
    expires_at: float


class Logins:
    """Every login of every account. Only MACs of refresh tokens are stored."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        revocations: Revocations,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._revocations = revocations
        self._clock = clock

    async def open(self, account: Account, *, device: str | None = None) -> Tokens:
        """A new login of an account that just proved its password; raises BadMessage."""
        if device is not None and not 0 < len(device) <= _MAX_DEVICE_LENGTH:
            raise BadMessage(f"a device's id has 1 to {_MAX_DEVICE_LENGTH} characters")
        login, secret, now = uuid.uuid4(), secrets.token_bytes(_SECRET_LENGTH), self._clock()
        row = {
            "id": str(login),
            "account": account.id,
            "device": device,
            "token_mac": self._keyring.mac("refresh token", secret),
            "rotated_at": now,
            "created_at": now,
            "expires_at": now + REFRESH_SECONDS,
        }
        current = select(accounts.c.generation).where(accounts.c.id == account.id)
        async with self._store.begin() as connection:
            # The password may have changed since it was proved.
            if await connection.scalar(current) != account.generation:
                raise NotAuthenticated(_REFUSED)
            await _make_room(connection, account.id, now)
            await connection.execute(insert(logins).values(row))
        return self._tokens(login, secret, account, now)

    async def refresh(self, token: str) -> tuple[Tokens, Account]:
        """The tokens that replace `token`; raises NotAuthenticated.

        An older token of ours is a copy in other hands: it ends the login.
        """
        login, secret = self._opened_refresh(token)
        now = self._clock()
        successor = self._keyring.mac("refresh successor", login.bytes + secret)
        query = select(logins).where(logins.c.id == str(login), logins.c.expires_at > now)
        async with self._store.begin() as connection:
            row = (await connection.execute(query)).first()
            if row is None:
                raise NotAuthenticated(_REFUSED)
            owner = select(*ACCOUNT_COLUMNS).where(accounts.c.id == row.account)
            account = account_of((await connection.execute(owner)).one())
            if self._keyring.verify("refresh token", secret, row.token_mac):
                mac = self._keyring.mac("refresh token", successor)
                rotation = {
                    "token_mac": mac,
                    "rotated_at": now,
                    "expires_at": now + REFRESH_SECONDS,
                }
                await connection.execute(
                    update(logins).where(logins.c.id == str(login)).values(rotation)
                )
                return self._tokens(login, successor, account, now), account
            is_recent = now < row.rotated_at + REPEAT_SECONDS
            if is_recent and self._keyring.verify("refresh token", successor, row.token_mac):
                return self._tokens(login, successor, account, now), account
        await self.revoke(account.id, str(login))
        raise NotAuthenticated(_REFUSED)

    async def authenticate(self, access_token: str) -> Principal:
        """Who the token speaks for, as the account is now; raises NotAuthenticated."""
        claims = self._opened_access(access_token)
        if claims.expires_at <= self._clock():
            raise NotAuthenticated("the token expired, refresh it")
        query = (
            select(logins.c.device, *ACCOUNT_COLUMNS)
            .join_from(logins, accounts)
            .where(logins.c.id == claims.login, accounts.c.generation == claims.generation)
        )
        async with self._store.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotAuthenticated(_REFUSED)
        return Principal(account_of(row), claims.login, row.device, claims.expires_at)

    async def missing(self, ids: Collection[str]) -> set[str]:
        """Those of the logins that are over."""
        return await missing_of(self._store, logins.c.id, ids)

    async def all(self, account: str) -> list[Login]:
        """The account's logins, newest first."""
        query = (
            select(
                logins.c.id,
                logins.c.device,
                logins.c.created_at,
                logins.c.rotated_at,
                logins.c.expires_at,
            )
            .where(logins.c.account == account)
            .order_by(logins.c.created_at.desc(), logins.c.id)
        )
        async with self._store.read() as connection:
            return [Login(*row) for row in await connection.execute(query)]

    async def revoke_refresh(self, token: str) -> None:
        """End the login of a refresh token; raises NotAuthenticated for one not of ours."""
        login, _secret = self._opened_refresh(token)
        query = select(logins.c.account).where(logins.c.id == str(login))
        async with self._store.read() as connection:
            account = await connection.scalar(query)
        if account is not None:
            await self.revoke(account, str(login))

    async def revoke(self, account: str, login: str) -> None:
        """End one login of the account; its sessions are told. A login unknown is no error."""
        removal = (
            delete(logins)
            .where(logins.c.account == account, logins.c.id == login)
            .returning(logins.c.device)
        )
        async with self._store.begin() as connection:
            row = (await connection.execute(removal)).first()
        if row is not None:
            self._revocations.tell(LoginRevoked(account, login, row.device))

    def _tokens(self, login: uuid.UUID, secret: bytes, account: Account, now: float) -> Tokens:
        expires_at = now + ACCESS_SECONDS
        claims = _Claims(str(login), account.id, account.generation, expires_at)
        return Tokens(
            access=self._sealed("access token", msgspec.json.encode(claims)),
            # The MAC tells a token that we made from a guess, which must not end a login.
            refresh=self._sealed("refresh seal", login.bytes + secret),
            expires_at=expires_at,
        )

    def _opened_access(self, token: str) -> _Claims:
        try:
            return msgspec.json.decode(self._opened("access token", token), type=_Claims)
        except msgspec.DecodeError as error:
            raise NotAuthenticated(_REFUSED) from error

    def _opened_refresh(self, token: str) -> tuple[uuid.UUID, bytes]:
        data = self._opened("refresh seal", token)
        return uuid.UUID(bytes=data[:_UUID_LENGTH]), data[_UUID_LENGTH:]

    def _sealed(self, purpose: str, data: bytes) -> str:
        mac = self._keyring.mac(purpose, data)
        return f"{_text(data)}.{_text(mac)}"

    def _opened(self, purpose: str, token: str) -> bytes:
        """What `_sealed` put in, when nobody changed it; raises NotAuthenticated."""
        data, _, mac = (_bytes(part) for part in token[:_MAX_TOKEN_LENGTH].partition("."))
        if not self._keyring.verify(purpose, data, mac):
            raise NotAuthenticated(_REFUSED)
        return data


async def _make_room(connection: AsyncConnection, account: str, now: float) -> None:
    """Forget the account's expired logins, and the oldest beyond the bound."""
    mine = logins.c.account == account
    await connection.execute(delete(logins).where(mine, logins.c.expires_at <= now))
    newest = (
        select(logins.c.id).where(mine).order_by(logins.c.rotated_at.desc()).limit(MAX_LOGINS - 1)
    )
    await connection.execute(delete(logins).where(mine, logins.c.id.not_in(newest)))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The bytes of `_text`; none for what is not such a text, which no MAC fits."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
