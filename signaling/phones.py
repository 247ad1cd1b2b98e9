"""Phones: the SIP credentials of an account, one secret each, revocable one by one."""

import hashlib
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import count

from sqlalchemy import delete, insert, select

from signaling import passwords
from signaling.revocations import PhoneRemoved, Revocations
from signaling.shared.crypto import Keyring
from signaling.shared.errors import BadMessage, NotFound, WrongState
from signaling.shared.model import Account
from signaling.store import Store, missing_of
from signaling.tables import accounts, phones

MAX_PHONES = 16
_MAX_NAME_LENGTH = 64
_SECRET_LENGTHS = range(8, 129)


@dataclass(frozen=True, slots=True)
class Phone:
    id: str
    account: str
    name: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Credential:
    """What a digest is checked against; the HA1s in lower-case hexadecimal (RFC 7616)."""

    phone: str
    ha1_md5: str
    ha1_sha256: str


class Phones:
    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        revocations: Revocations,
        *,
        domain: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Also the realm of our challenges, so part of every HA1.
        self._domain = domain
        self._store = store
        self._keyring = keyring
        self._revocations = revocations
        self._clock = clock

    async def add(
        self, account: Account, name: str = "", *, secret: str | None = None
    ) -> tuple[Phone, str]:
        """A new phone and its secret, which is shown once and generated unless given.

        A name that another of the account's phones has gets a number, so that a person who lists
        them can tell them apart.

        Raises BadMessage for a name or secret not allowed, WrongState for a phone too many,
        NotFound when the account was removed.
        """
        secret = passwords.generate() if secret is None else _allowed_secret(secret)
        phone = Phone(str(uuid.uuid4()), account.id, _allowed_name(name), self._clock())
        a1 = f"{account.name}:{self._domain}:{secret}".encode()
        md5 = hashlib.md5(a1, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(a1).hexdigest()
        row = {
            "id": phone.id,
            "account": account.id,
            "ha1_md5": self._sealed(phone.id, "ha1_md5", md5),
            "ha1_sha256": self._sealed(phone.id, "ha1_sha256", sha256),
            "created_at": phone.created_at,
        }
        known = select(accounts.c.id).where(accounts.c.id == account.id)
        names = select(phones.c.name).where(phones.c.account == account.id)
        async with self._store.begin() as connection:
            if await connection.scalar(known) is None:
                raise NotFound("there is no such account")
            taken = (await connection.scalars(names)).all()
            if len(taken) >= MAX_PHONES:
                raise WrongState(f"an account has at most {MAX_PHONES} phones; remove one first")
            phone = replace(phone, name=_free_name(phone.name, taken))
            await connection.execute(insert(phones).values(row | {"name": phone.name}))
        return phone, secret

    async def all(self, account: str) -> list[Phone]:
        """The account's phones, oldest first."""
        query = (
            select(phones.c.id, phones.c.account, phones.c.name, phones.c.created_at)
            .where(phones.c.account == account)
            .order_by(phones.c.created_at, phones.c.id)
        )
        async with self._store.read() as connection:
            return [Phone(*row) for row in await connection.execute(query)]

    async def missing(self, ids: Collection[str]) -> set[str]:
        """Those of the phones that were removed."""
        return await missing_of(self._store, phones.c.id, ids)

    async def remove(self, account: Account, phone: str) -> None:
        """Raises NotFound unless the phone is the account's."""
        removal = delete(phones).where(phones.c.account == account.id, phones.c.id == phone)
        async with self._store.begin() as connection:
            if (await connection.execute(removal)).rowcount == 0:
                raise NotFound("there is no such phone")
        self._revocations.tell(PhoneRemoved(account.id, account.address, phone))

    async def credentials(self, username: str) -> list[Credential]:
        """The credentials of every phone of the account with this name; often there is none."""
        if not username.isascii():
            return []
        query = (
            select(phones.c.id, phones.c.ha1_md5, phones.c.ha1_sha256)
            .join(accounts)
            .where(accounts.c.domain == self._domain, accounts.c.name == username.lower())
        )
        async with self._store.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Credential(
                phone=row.id,
                ha1_md5=self._opened(row.id, "ha1_md5", row.ha1_md5),
                ha1_sha256=self._opened(row.id, "ha1_sha256", row.ha1_sha256),
            )
            for row in rows
        ]

    def _sealed(self, phone: str, column: str, ha1: str) -> bytes:
        return self._keyring.encrypt(ha1.encode(), table="phones", row=phone, column=column)

    def _opened(self, phone: str, column: str, sealed: bytes) -> str:
        return self._keyring.decrypt(sealed, table="phones", row=phone, column=column).decode()


def _allowed_name(name: str) -> str:
    if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise BadMessage(f"a phone's name has at most {_MAX_NAME_LENGTH} printable characters")
    return name or "phone"


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name itself, or with the first number that makes it one of its own."""
    numbered = (
        f"{name[: _MAX_NAME_LENGTH - len(end)]}{end}" for end in map(" {}".format, count(2))
    )
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _allowed_secret(secret: str) -> str:
    if len(secret) not in _SECRET_LENGTHS or not (secret.isascii() and secret.isprintable()):
        raise BadMessage(
            f"a phone's secret has {_SECRET_LENGTHS.start} to {_SECRET_LENGTHS.stop - 1}"
            " printable ASCII characters"
        )
    return secret
