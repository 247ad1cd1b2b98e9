"""The switchboard's view of the database: who there is, and what is kept of calls."""

from collections.abc import Sequence

from signaling.callees import Callee
from signaling.records import Records
from signaling.shared.model import CallRecord
from signaling.timeline import Hop


class RecordsDirectory:
    """Accounts, block lists and the history."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find(self, call: str, user: str, caller: str) -> Callee:
        return await self._records.callees.find(call, user, caller)

    async def record(self, record: CallRecord, timeline: Sequence[Hop]) -> None:
        await self._records.history.write(record, timeline)

    async def recorded(self, call: str) -> CallRecord | None:
        return await self._records.history.get(call)
