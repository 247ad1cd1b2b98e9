"""The switchboard's view of the database: who there is, and what is kept of calls."""

from collections.abc import Sequence

from signaling.records import Records
from signaling.shared.model import Account, CallRecord
from signaling.timeline import Hop


class RecordsDirectory:
    """Accounts, block lists and the history."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find(self, user: str) -> Account | None:
        return await self._records.accounts.find(user)

    async def blocks(self, account: str, caller: str) -> bool:
        return await self._records.blocked.blocks(account, caller)

    async def record(self, record: CallRecord, timeline: Sequence[Hop]) -> None:
        await self._records.history.write(record, timeline)

    async def has_record(self, call: str) -> bool:
        return await self._records.history.has(call)

    async def recorded(self, call: str) -> CallRecord | None:
        return await self._records.history.get(call)
