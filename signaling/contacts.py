"""The bindings of SIP phones, kept so that they outlive a restart."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select

from signaling.shared.crypto import Keyring
from signaling.store import Store
from signaling.tables import addresses, contacts


@dataclass(frozen=True, slots=True)
class Contact:
    """One binding as the registrar prints it: `snapshot` holds plain JSON values."""

    aor: str
    id: str
    snapshot: Mapping[str, Any]
    # Unix seconds.
    expires_at: float


class Contacts:
    def __init__(
        self, store: Store, keyring: Keyring, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._clock = clock

    async def load(self) -> list[Contact]:
        """Every binding that has not expired, by AOR; the expired ones are deleted."""
        async with self._store.begin() as connection:
            await connection.execute(delete(contacts).where(contacts.c.expires_at <= self._clock()))
            query = select(contacts).order_by(contacts.c.aor, contacts.c.id)
            rows = (await connection.execute(query)).all()
        return [
            Contact(row.aor, row.id, self._opened(row.aor, row.id, row.snapshot), row.expires_at)
            for row in rows
        ]

    async def replace(self, aor: str, bindings: Sequence[Contact]) -> None:
        """Keep `bindings` for `sip:user@domain` and nothing else; none when the account is gone."""
        user, _, domain = aor.removeprefix("sip:").partition("@")
        owner = select(addresses.c.account).where(
            addresses.c.domain == domain, addresses.c.address == user
        )
        async with self._store.begin() as connection:
            await connection.execute(delete(contacts).where(contacts.c.aor == aor))
            account = await connection.scalar(owner)
            rows = [
                {
                    "aor": aor,
                    "id": binding.id,
                    "account": account,
                    "snapshot": self._sealed(aor, binding.id, binding.snapshot),
                    "expires_at": binding.expires_at,
                }
                for binding in bindings
            ]
            if account is not None and rows:
                await connection.execute(insert(contacts), rows)

    async def of(self, account: str) -> list[Contact]:
        """The bindings of one account, those included that expired and were not deleted yet."""
        query = select(contacts).where(contacts.c.account == account).order_by(contacts.c.id)
        async with self._store.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Contact(row.aor, row.id, self._opened(row.aor, row.id, row.snapshot), row.expires_at)
            for row in rows
        ]

    def _sealed(self, aor: str, contact: str, snapshot: Mapping[str, Any]) -> bytes:
        plain = msgspec.json.encode(snapshot)
        row = f"{aor}/{contact}"
        return self._keyring.encrypt(plain, table="contacts", row=row, column="snapshot")

    def _opened(self, aor: str, contact: str, sealed: bytes) -> dict[str, Any]:
        row = f"{aor}/{contact}"
        plain = self._keyring.decrypt(sealed, table="contacts", row=row, column="snapshot")
        return msgspec.json.decode(plain, type=dict[str, Any])
