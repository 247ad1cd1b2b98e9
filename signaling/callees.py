"""Whom a call may ring: all that it has to know of its callee before anything rings."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, exists, literal, select

from signaling.accounts import ACCOUNT_COLUMNS, Accounts, account_of
from signaling.push_rows import AnyRow, PushRows, StoredTarget
from signaling.shared.crypto import Keyring
from signaling.shared.errors import WSPhoneError
from signaling.shared.model import Account
from signaling.store import Store
from signaling.tables import accounts, addresses, blocked, calls, push_targets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callee:
    """Who is called; `account` is None when the address is nobody's."""

    account: Account | None
    is_blocked: bool
    """The account does not want to hear from this caller."""
    is_over: bool
    """There was a call with this id."""
    targets: Sequence[StoredTarget] = ()
    """Where the account's devices are pushed; left empty for a caller who is blocked."""


# One statement, as each costs several turns of the database's thread, and a phone that sleeps waits
# for all of them. Of the account's columns the id has a name of its own: targets have one too.
_ONE = select(literal(1).label("one")).subquery()
_LOOK_UP = select(
    exists().where(calls.c.id == bindparam("call")).label("is_over"),
    exists()
    .where(blocked.c.account == accounts.c.id, blocked.c.address == bindparam("caller"))
    .label("is_blocked"),
    accounts.c.id.label("owner"),
    *(column for column in ACCOUNT_COLUMNS if column is not accounts.c.id),
    *push_targets.c,
).select_from(
    _ONE.outerjoin(
        addresses,
        and_(addresses.c.domain == bindparam("domain"), addresses.c.address == bindparam("user")),
    )
    .outerjoin(accounts, accounts.c.id == addresses.c.account)
    .outerjoin(push_targets, push_targets.c.account == accounts.c.id)
)


class Callees:
    def __init__(self, store: Store, keyring: Keyring, accounts: Accounts) -> None:
        self._store = store
        self._rows = PushRows(keyring)
        self._accounts = accounts

    async def find(self, call: str, address: str, caller: str) -> Callee:
        """Who `address` leads to, for a call with this id from the address `caller`."""
        values = {
            "call": call,
            "caller": caller.lower(),
            "domain": self._accounts.domain,
            # What cannot be an address here reads like one that nobody has.
            "user": self._accounts.name_of(address) or "",
        }
        async with self._store.read() as connection:
            # A row for each target, and one where there is none.
            rows = (await connection.execute(_LOOK_UP, values)).all()
        first = rows[0]
        return Callee(
            account=None if first.owner is None else account_of(first, first.owner),
            is_blocked=first.is_blocked,
            is_over=first.is_over,
            targets=() if first.is_blocked or first.id is None else self._opened(call, rows),
        )

    def _opened(self, call: str, rows: Sequence[AnyRow]) -> list[StoredTarget]:
        try:
            return [self._rows.stored(row) for row in rows]
        except WSPhoneError:
            # Whoever is awake rings all the same.
            log.exception("call %s: nobody can be woken", call)
            return []
