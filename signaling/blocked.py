"""Block lists: who may not ring whom."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from signaling.route import ToAccount, find_route
from signaling.shared.errors import BadMessage, NotFound, WrongState
from signaling.shared.model import Account
from signaling.store import Store
from signaling.tables import accounts, blocked

MAX_BLOCKED = 500


@dataclass(frozen=True, slots=True)
class Block:
    address: str
    created_at: float


class Blocked:
    """The addresses that each account does not want to hear from, as `user@domain`."""

    def __init__(
        self,
        store: Store,
        *,
        domain: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._domain = domain
        self._own_domains: Collection[str] = (domain, "localhost")
        self._clock = clock

    async def add(self, account: Account, typed: str) -> Block:
        """Block an address; one that is blocked already stays so.

        It need not be anybody's, so that the answer does not tell who there is. Raises BadMessage
        for what is no address, WrongState for one too many, NotFound when the account was removed.
        """
        block = Block(self._address_of(typed), self._clock())
        if block.address == account.address:
            raise BadMessage("your own phones always ring each other")
        mine = blocked.c.account == account.id
        known = select(accounts.c.id).where(accounts.c.id == account.id)
        count = select(func.count()).where(mine)
        there = select(blocked).where(mine, blocked.c.address == block.address)
        async with self._store.begin() as connection:
            row = (await connection.execute(there)).first()
            if row is not None:
                return Block(row.address, row.created_at)
            if await connection.scalar(known) is None:
                raise NotFound("there is no such account")
            if (await connection.scalar(count) or 0) >= MAX_BLOCKED:
                raise WrongState(f"an account blocks at most {MAX_BLOCKED} addresses")
            await connection.execute(
                insert(blocked).values(
                    account=account.id, address=block.address, created_at=block.created_at
                )
            )
        return block

    async def all(self, account: str) -> list[Block]:
        """The account's block list, newest first."""
        query = (
            select(blocked.c.address, blocked.c.created_at)
            .where(blocked.c.account == account)
            .order_by(blocked.c.created_at.desc(), blocked.c.address)
        )
        async with self._store.read() as connection:
            return [Block(*row) for row in await connection.execute(query)]

    async def remove(self, account: str, typed: str) -> None:
        """Raises NotFound unless the address is blocked."""
        removal = delete(blocked).where(
            blocked.c.account == account, blocked.c.address == self._address_of(typed)
        )
        async with self._store.begin() as connection:
            if (await connection.execute(removal)).rowcount == 0:
                raise NotFound("this address is not blocked")

    async def blocking(self, caller: str) -> frozenset[str]:
        """The accounts that do not want to hear from `caller`, an address as calls carry it."""
        query = select(blocked.c.account).where(blocked.c.address == caller.lower())
        async with self._store.read() as connection:
            return frozenset(await connection.scalars(query))

    def _address_of(self, typed: str) -> str:
        """`bob`, `sip:bob@domain` and the like, as calls carry it; raises BadMessage."""
        route = find_route(typed, own_domains=self._own_domains, emergency_numbers=())
        if not isinstance(route, ToAccount):
            raise BadMessage(f"this cannot be blocked: {route.detail}")
        return f"{route.user}@{self._domain}"
