"""Accounts: who there is, by which address, and whether a password is theirs."""

import string
import time
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from signaling.passwords import Passwords
from signaling.revocations import AccountRemoved, PasswordChanged, Revocations
from signaling.shared.errors import BadMessage, NotFound, WrongState
from signaling.shared.model import Account
from signaling.store import Store
from signaling.tables import accounts, addresses, blocked, calls, logins

_NAME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "._-")
_MAX_NAME_LENGTH = 64
_MAX_DISPLAY_NAME_LENGTH = 128
ACCOUNT_COLUMNS = (
    accounts.c.id,
    accounts.c.name,
    accounts.c.domain,
    accounts.c.display_name,
    accounts.c.generation,
    accounts.c.is_admin,
)


class Accounts:
    """The accounts of one domain. Names are kept in lower case and found in any."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        revocations: Revocations,
        *,
        domain: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.domain = domain
        self._store = store
        self._passwords = passwords
        self._revocations = revocations
        self._clock = clock

    async def add(
        self, name: str, password: str, *, display_name: str = "", is_admin: bool = False
    ) -> Account:
        """Raises BadMessage for what is not allowed, WrongState when the name is taken."""
        name = _allowed_name(name)
        display_name = _allowed_display_name(display_name or name)
        account = Account(
            id=str(uuid.uuid4()),
            name=name,
            address=f"{name}@{self.domain}",
            display_name=display_name,
            generation=1,
            is_admin=is_admin,
        )
        with self._passwords.place() as work:
            hashed = await work.hash(password)
        row = {
            "id": account.id,
            "name": name,
            "domain": self.domain,
            "display_name": display_name,
            "password_hash": hashed,
            "generation": account.generation,
            "is_admin": is_admin,
            "created_at": self._clock(),
        }
        address = {"domain": self.domain, "address": name, "account": account.id}
        try:
            async with self._store.begin() as connection:
                await connection.execute(insert(accounts).values(row))
                await connection.execute(insert(addresses).values(address))
        except IntegrityError as error:
            raise WrongState(f"there is an account {name} already") from error
        return account

    async def all(self) -> list[Account]:
        """Everybody, by name."""
        return await self.first(None)

    async def first(self, at_most: int | None) -> list[Account]:
        """So many of them, by name; None for everybody."""
        query = (
            select(*ACCOUNT_COLUMNS)
            .where(accounts.c.domain == self.domain)
            .order_by(accounts.c.name)
            .limit(at_most)
        )
        async with self._store.read() as connection:
            return [account_of(row) for row in await connection.execute(query)]

    async def find(self, address: str) -> Account | None:
        """The account that `alice`, `alice@domain` or `sip:alice@domain` leads to."""
        user = self.name_of(address)
        if user is None:
            return None
        query = (
            select(*ACCOUNT_COLUMNS)
            .join_from(accounts, addresses)
            .where(addresses.c.domain == self.domain, addresses.c.address == user)
        )
        async with self._store.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else account_of(row)

    async def find_named(self, name: str) -> Account:
        """As `find`; raises NotFound with a sentence for whoever typed the name."""
        account = await self.find(name)
        if account is None:
            raise NotFound(f"there is no account {name}")
        return account

    async def authenticate(self, username: str, password: str) -> Account | None:
        """The account, if the password is its own; an unknown name takes as long as a known one.

        Raises TryAgain when too many passwords are being verified already.
        """
        # A name outside the domain reads like one that nobody has.
        name = self.name_of(username) or ""
        query = select(accounts.c.password_hash, *ACCOUNT_COLUMNS).where(
            accounts.c.domain == self.domain, accounts.c.name == name
        )
        with self._passwords.place() as work:
            async with self._store.read() as connection:
                row = (await connection.execute(query)).first()
            verdict = await work.verify(password, None if row is None else row.password_hash)
            if row is None or not verdict.matches:
                return None
            if verdict.is_outdated:
                await self._renew(row.id, row.password_hash, await work.hash(password))
        return account_of(row)

    async def set_password(self, account: str, password: str) -> Account:
        """Set it, and end every login made with the one before; raises NotFound, BadMessage."""
        with self._passwords.place() as work:
            hashed = await work.hash(password)
        change = (
            update(accounts)
            .where(accounts.c.id == account)
            .values(password_hash=hashed, generation=accounts.c.generation + 1)
            .returning(*ACCOUNT_COLUMNS)
        )
        async with self._store.begin() as connection:
            row = (await connection.execute(change)).first()
            if row is None:
                raise NotFound("there is no such account")
            await connection.execute(delete(logins).where(logins.c.account == account))
        self._revocations.tell(PasswordChanged(account))
        return account_of(row)

    async def remove(self, account: str) -> None:
        """Remove the account and all that is its own; raises NotFound.

        Whoever talked with it keeps the call, with the address blanked.
        """
        async with self._store.begin() as connection:
            query = select(*ACCOUNT_COLUMNS).where(accounts.c.id == account)
            row = (await connection.execute(query)).first()
            if row is None:
                raise NotFound("there is no such account")
            for party, column in (
                (calls.c.caller, calls.c.caller_address),
                (calls.c.callee, calls.c.callee_address),
            ):
                blank = update(calls).where(party == account).values({column: ""})
                await connection.execute(blank)
            address = f"{row.name}@{row.domain}"
            await connection.execute(delete(blocked).where(blocked.c.address == address))
            await connection.execute(delete(accounts).where(accounts.c.id == account))
            nobodys = calls.c.caller.is_(None) & calls.c.callee.is_(None)
            await connection.execute(delete(calls).where(nobodys))
        await self._store.scrub()
        self._revocations.tell(AccountRemoved(account, account_of(row).address))

    async def _renew(self, account: str, stored: str, hashed: str) -> None:
        """Replace a stored hash, unless the password was changed meanwhile."""
        change = (
            update(accounts)
            .where(accounts.c.id == account, accounts.c.password_hash == stored)
            .values(password_hash=hashed)
        )
        async with self._store.begin() as connection:
            await connection.execute(change)

    def name_of(self, address: str) -> str | None:
        """The user part in lower case; None for what cannot be an address of this domain."""
        user, _, domain = address.lower().removeprefix("sip:").partition("@")
        return user if _is_name(user) and domain in ("", self.domain) else None


def account_of(row: Row[*tuple[Any, ...]], id_: str | None = None) -> Account:
    """The account of a row with ACCOUNT_COLUMNS; `id_` where its `id` is something else's."""
    return Account(
        id=id_ or row.id,
        name=row.name,
        address=f"{row.name}@{row.domain}",
        display_name=row.display_name,
        generation=row.generation,
        is_admin=row.is_admin,
    )


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME_LENGTH and _NAME_CHARACTERS.issuperset(text)


def _allowed_name(name: str) -> str:
    lowered = name.lower()
    if not _is_name(lowered):
        raise BadMessage(
            f"an account's name has 1 to {_MAX_NAME_LENGTH} of the characters a-z, 0-9, . _ and -"
        )
    return lowered


def _allowed_display_name(name: str) -> str:
    if len(name) > _MAX_DISPLAY_NAME_LENGTH or not name.isprintable():
        raise BadMessage(
            f"a display name has at most {_MAX_DISPLAY_NAME_LENGTH} printable characters"
        )
    return name
