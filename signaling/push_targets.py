"""Push targets: where the apps and phones of an account are woken."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling.push_rows import Origin, PushRows, StoredTarget, still_stands
from signaling.shared.crypto import Keyring
from signaling.shared.errors import NotAuthenticated
from signaling.shared.push import PushKind, PushReport, Step, Target
from signaling.store import Store
from signaling.tables import push_targets

# The one that was registered longest ago makes room for one more.
MAX_TARGETS = 64
_MAX_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of targets.

    `claimed` stands under another account until it is proven to be the device's; so do the
    `refused` tokens, for which there is no proof.
    """

    count: int
    claimed: Sequence[Target] = ()
    refused: int = 0


class PushTargets:
    """One token belongs to one account, and there to the device that told it last."""

    def __init__(
        self, store: Store, keyring: Keyring, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._rows = PushRows(keyring)
        self._clock = clock

    async def replace(
        self, origin: Origin, targets: Sequence[Target], *, wants_missed: bool = False
    ) -> Kept:
        """Have these be all targets of the device, as far as no other account has them.

        Raises NotAuthenticated when what the origin rests on is gone.
        """
        if not targets and not await self._any_of(origin):
            return Kept(0)
        now = self._clock()
        kept: list[str] = []
        claimed: list[Target] = []
        refused = 0
        async with self._store.begin() as connection:
            if not await still_stands(connection, origin):
                raise NotAuthenticated("the login is over, log in again")
            for target in targets:
                shared = await self._rows.shared_out(connection, origin.account, target)
                if shared.free is not None:
                    row = await self._rows.keep(
                        connection, origin, shared.free, wants_missed=wants_missed, now=now
                    )
                    kept.append(row)
                if shared.claimed is not None:
                    claimed.append(shared.claimed)
                refused += shared.refused
            gone = delete(push_targets).where(*_of(origin), push_targets.c.id.not_in(kept))
            await connection.execute(gone)
            await _make_room(connection, origin.account)
        return Kept(len(set(kept)), claimed, refused)

    async def of_account(self, account: str) -> list[StoredTarget]:
        """The account's targets, by device."""
        return await self._all(push_targets.c.account == account)

    async def of_device(self, device: str) -> list[StoredTarget]:
        """The targets of whatever devices have this id; it is unique within an account only."""
        return await self._all(push_targets.c.device == device)

    async def accounts_with_targets(self) -> frozenset[str]:
        """The ids of all accounts that a push may reach."""
        query = select(push_targets.c.account).distinct()
        async with self._store.read() as connection:
            return frozenset(await connection.scalars(query))

    async def note(self, report: PushReport) -> None:
        """Keep what a provider said last; of a target that is gone, nothing."""
        values: dict[str, object]
        match report.step:
            case Step.ACCEPTED:
                values = {"last_success_at": report.at}
            case Step.DROPPED if report.kind is not PushKind.CALL:
                # Not everything is sent to every phone: nothing went wrong.
                return
            case Step.FAILED | Step.DROPPED:
                reason = (report.reason or "unknown")[:_MAX_REASON_LENGTH]
                values = {"last_failure_at": report.at, "last_failure_reason": reason}
            case Step.SENDING | Step.RETRYING:
                return
        change = update(push_targets).where(push_targets.c.id == report.target).values(values)
        async with self._store.begin() as connection:
            await connection.execute(change)

    async def forget(self, target: str, registered_at: float) -> bool:
        """Drop a dead target unless it was registered anew since; whether it was there."""
        removal = delete(push_targets).where(
            push_targets.c.id == target, push_targets.c.registered_at <= registered_at
        )
        async with self._store.begin() as connection:
            return (await connection.execute(removal)).rowcount > 0

    async def forget_phone(self, account: str, phone: str) -> None:
        """Drop all that was told with one SIP phone's credential."""
        mine = (push_targets.c.account == account, push_targets.c.phone == phone)
        async with self._store.read() as connection:
            if await connection.scalar(select(push_targets.c.id).where(*mine).limit(1)) is None:
                return
        async with self._store.begin() as connection:
            await connection.execute(delete(push_targets).where(*mine))

    async def _all(self, condition: ColumnElement[bool]) -> list[StoredTarget]:
        order = (push_targets.c.device, push_targets.c.id)
        query = select(push_targets).where(condition).order_by(*order)
        async with self._store.read() as connection:
            rows = (await connection.execute(query)).all()
        return [self._rows.stored(row) for row in rows]

    async def _any_of(self, origin: Origin) -> bool:
        query = select(push_targets.c.id).where(*_of(origin)).limit(1)
        async with self._store.read() as connection:
            return await connection.scalar(query) is not None


def _of(origin: Origin) -> tuple[ColumnElement[bool], ...]:
    return (
        push_targets.c.account == origin.account,
        push_targets.c.device == origin.device,
        push_targets.c.kind == origin.kind.value,
    )


async def _make_room(connection: AsyncConnection, account: str) -> None:
    mine = push_targets.c.account == account
    newest = (
        select(push_targets.c.id)
        .where(mine)
        .order_by(push_targets.c.registered_at.desc(), push_targets.c.id)
        .limit(MAX_TARGETS)
    )
    await connection.execute(delete(push_targets).where(mine, push_targets.c.id.not_in(newest)))
