"""The history: every call that ended, with its legs and its timeline."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling.shared.model import CallRecord, LegRecord
from signaling.shared.reasons import EndedBy, EndReason
from signaling.store import Store
from signaling.tables import accounts, calls, hops, legs, recordings
from signaling.timeline import MAX_HOPS, Hop, What

MAX_LATE_HOPS = 64
"""What may be added to a timeline after the end of its call."""


class History:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, record: CallRecord, timeline: Iterable[Hop] = ()) -> None:
        """Keep a call that ended; a call kept before stays as it is.

        Accounts removed while the call went on leave no trace in it.
        """
        parties = {record.caller, record.callee, *(leg.account for leg in record.legs)}
        async with self._store.begin() as connection:
            if await connection.scalar(select(calls.c.id).where(calls.c.id == record.id)):
                return
            present = await _present(connection, parties)
            if not present:
                return
            await connection.execute(insert(calls).values(_call_row(record, present)))
            rows = [
                _leg_row(record.id, leg)
                for leg in record.legs
                if leg.account is None or leg.account in present
            ]
            if rows:
                await connection.execute(insert(legs), rows)
            await _write_hops(connection, record.id, timeline, present, first=0)
            # What was recorded goes with the call from now on.
            its_own = update(recordings).where(recordings.c.call == record.id)
            await connection.execute(its_own.values(history=record.id))

    async def add_hops(self, call: str, late: Collection[Hop]) -> None:
        """Add to the timeline of a call that is kept; a full one stays as it is."""
        async with self._store.begin() as connection:
            if not await connection.scalar(select(calls.c.id).where(calls.c.id == call)):
                return
            present = await _present(connection, {hop.account for hop in late})
            query = select(func.max(hops.c.number)).where(hops.c.call == call)
            last = await connection.scalar(query)
            first = 0 if last is None else last + 1
            if first + len(late) <= MAX_HOPS + MAX_LATE_HOPS:
                await _write_hops(connection, call, late, present, first=first)

    async def expire(self, before: float) -> None:
        """Remove the calls that ended before a time, with all that is kept of them.

        A recording of a call that never came into the history counts from its own beginning.
        """
        stray = recordings.c.history.is_(None) & (recordings.c.started_at < before)
        async with self._store.begin() as connection:
            old = await connection.execute(delete(calls).where(calls.c.ended_at < before))
            strays = await connection.execute(delete(recordings).where(stray))
        if old.rowcount or strays.rowcount:
            await self._store.scrub()

    async def timeline(self, call: str) -> list[Hop]:
        """The hops of a call in their order."""
        return (await self._timelines(hops.c.call == call)).get(call, [])

    async def hops_of(self, account: str) -> dict[str, list[Hop]]:
        """What the account's own endpoints did, by call."""
        return await self._timelines(hops.c.account == account)

    async def _timelines(self, condition: ColumnElement[bool]) -> dict[str, list[Hop]]:
        # A newer version beside us may write words that we do not know.
        known = [what.value for what in What]
        query = (
            select(hops)
            .where(condition, hops.c.what.in_(known))
            .order_by(hops.c.call, hops.c.at, hops.c.number)
        )
        found: dict[str, list[Hop]] = {}
        async with self._store.read() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.call, []).append(_hop_of(row))
        return found

    async def get(self, call: str) -> CallRecord | None:
        """The call with this id; whether the asker took part is the caller's to check."""
        found = await self._find(calls.c.id == call, limit=1)
        return found[0] if found else None

    async def recent(
        self, account: str | None = None, *, limit: int | None = 50
    ) -> list[CallRecord]:
        """The last calls of one account, or of everybody, newest first; all when limit is None."""
        took_part: ColumnElement[bool] = true()
        if account is not None:
            took_part = (calls.c.caller == account) | (calls.c.callee == account)
        return await self._find(took_part, limit=limit)

    async def _find(self, condition: ColumnElement[bool], *, limit: int | None) -> list[CallRecord]:
        newest_first = (calls.c.started_at.desc(), calls.c.id)
        query = select(calls).where(condition).order_by(*newest_first).limit(limit)
        ids = select(calls.c.id).where(condition).order_by(*newest_first).limit(limit)
        leg_query = select(legs).where(legs.c.call.in_(ids)).order_by(legs.c.id)
        async with self._store.snapshot() as connection:
            call_rows = (await connection.execute(query)).all()
            leg_rows = (await connection.execute(leg_query)).all()
        by_call: dict[str, list[LegRecord]] = {row.id: [] for row in call_rows}
        for row in leg_rows:
            by_call[row.call].append(_leg_of(row))
        return [_call_of(row, tuple(by_call[row.id])) for row in call_rows]


async def _present(connection: AsyncConnection, ids: Collection[str | None]) -> set[str]:
    """Which of the accounts there still are."""
    query = select(accounts.c.id).where(accounts.c.id.in_(set(ids) - {None}))
    return set(await connection.scalars(query))


async def _write_hops(
    connection: AsyncConnection,
    call: str,
    timeline: Iterable[Hop],
    present: Collection[str],
    *,
    first: int,
) -> None:
    kept = [hop for hop in timeline if hop.account is None or hop.account in present]
    rows = [
        asdict(hop)
        | {"call": call, "number": first + place, "what": hop.what.value, "side": hop.side.value}
        for place, hop in enumerate(kept)
    ]
    if rows:
        await connection.execute(insert(hops), rows)


def _call_row(record: CallRecord, present: set[str]) -> dict[str, object]:
    def side(account: str | None, address: str) -> tuple[str | None, str]:
        is_gone = account is not None and account not in present
        return (None, "") if is_gone else (account, address)

    caller, caller_address = side(record.caller, record.caller_address)
    callee, callee_address = side(record.callee, record.callee_address)
    return {
        "id": record.id,
        "caller": caller,
        "callee": callee,
        "caller_address": caller_address,
        "callee_address": callee_address,
        "mode": record.mode,
        "state": record.state,
        "reason": record.reason.value,
        "code": record.code,
        "by": record.by.value,
        "started_at": record.started_at,
        "answered_at": record.answered_at,
        "ended_at": record.ended_at,
        "seconds": record.seconds,
    }


def _leg_row(call: str, leg: LegRecord) -> dict[str, object]:
    return {
        "call": call,
        "id": leg.id,
        "kind": leg.kind,
        "endpoint": leg.endpoint,
        "account": leg.account,
        "state": leg.state,
        "reason": None if leg.reason is None else leg.reason.value,
        "codec": leg.codec,
        "figures": dict(leg.figures),
    }


def _call_of(row: Row[*tuple[Any, ...]], its_legs: tuple[LegRecord, ...]) -> CallRecord:
    return CallRecord(
        id=row.id,
        caller=row.caller,
        callee=row.callee,
        caller_address=row.caller_address,
        callee_address=row.callee_address,
        mode=row.mode,
        state=row.state,
        reason=EndReason(row.reason),
        code=row.code,
        by=EndedBy(row.by),
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        seconds=row.seconds,
        legs=its_legs,
    )


def _leg_of(row: Row[*tuple[Any, ...]]) -> LegRecord:
    return LegRecord(
        id=row.id,
        kind=row.kind,
        endpoint=row.endpoint,
        account=row.account,
        state=row.state,
        reason=None if row.reason is None else EndReason(row.reason),
        codec=row.codec,
        figures=row.figures,
    )


def _hop_of(row: Row[*tuple[Any, ...]]) -> Hop:
    return Hop(
        at=row.at,
        what=What(row.what),
        side=EndedBy(row.side),
        leg=row.leg,
        kind=row.kind,
        account=row.account,
        device=row.device,
        reason=row.reason,
        detail=row.detail,
    )
