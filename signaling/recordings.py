"""Recordings: a row with a sealed key in the database, and a sealed file beside it.

Whatever takes the row away, the account, the call or its age, takes the key: the file can be read
no more. `sweep` erases the files that have no row.
"""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from media.engine import Recorded
from signaling.record_link import NewRecording
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError, WrongState
from signaling.shared.sealed_file import KEY_BYTES, SealedReader, mend
from signaling.store import Store, missing_of
from signaling.tables import accounts, recordings

log = logging.getLogger(__name__)

_SUFFIX = ".rec"
# More than the last page of a file: a page lasts a second.
_TAIL_BYTES = 65_536
_SHOWN = (
    recordings.c.id,
    recordings.c.call,
    recordings.c.caller,
    recordings.c.callee,
    recordings.c.started_at,
    recordings.c.seconds,
    recordings.c.size,
)


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of one; `seconds` and `size` (of its plain bytes) are None while it runs."""

    id: str
    call: str
    caller: str | None
    callee: str | None
    started_at: float
    seconds: float | None
    size: int | None

    def holds(self, account: str) -> bool:
        """Whether it is of a call of this account."""
        return account in (self.caller, self.callee)


class Recordings:
    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._directory = directory
        self._clock = clock
        self._abandoned = asyncio.Event()

    # --- being made

    async def begin(self, call: str, caller: str, callee: str | None) -> NewRecording:
        """A row for a call between these accounts, which goes on; the file is the engine's to make.

        Raises WrongState when one of them was removed, OperatorError without a directory.
        """
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OperatorError(f"{self._directory}: cannot be made: {error.strerror}") from error
        name, key = str(uuid.uuid4()), os.urandom(KEY_BYTES)
        row = {
            "id": name,
            "call": call,
            "caller": caller,
            "callee": callee,
            "started_at": self._clock(),
            "sealed_key": self._keyring.encrypt(key, **_place(name)),
        }
        parties = {caller, callee} - {None}
        async with self._store.begin() as connection:
            present = await connection.scalars(
                select(accounts.c.id).where(accounts.c.id.in_(parties))
            )
            if set(present) != parties:
                raise WrongState("an account of this call was removed")
            await connection.execute(insert(recordings).values(row))
        return NewRecording(name, str(self._path(name)), key)

    async def finish(self, recording: str, recorded: Recorded) -> None:
        """It is whole now; one whose row was taken away meanwhile is erased."""
        change = (
            update(recordings)
            .where(recordings.c.id == recording)
            .values(seconds=recorded.seconds, size=recorded.size)
        )
        async with self._store.begin() as connection:
            kept = (await connection.execute(change)).rowcount
        if not kept:
            self._erase(recording)

    async def discard(self, recording: str) -> None:
        """It did not begin."""
        async with self._store.begin() as connection:
            await connection.execute(delete(recordings).where(recordings.c.id == recording))
        self._erase(recording)

    def abandon(self, recording: str) -> None:
        """Whoever wrote it is gone: whoever keeps the house is to mend it soon."""
        log.warning("recording %s was not given its end, and is to be mended", recording)
        self._abandoned.set()

    # --- being read

    async def of_call(self, call: str) -> list[Recording]:
        """The recordings of a call, in their order."""
        return await self._find(recordings.c.call == call)

    async def of_account(self, account: str) -> list[Recording]:
        """The recordings of calls of an account."""
        took_part = (recordings.c.caller == account) | (recordings.c.callee == account)
        return await self._find(took_part)

    async def open(self, found: Sequence[Recording]) -> "Sound":
        """The recordings as one file, that is Ogg after Ogg (RFC 3533, section 4: chained).

        Raises WrongState while one is being made, OperatorError for one that is damaged.
        """
        if any(each.size is None for each in found):
            raise WrongState("the call is still being recorded, or was when its process ended")
        keys = await self._keys([each.id for each in found])
        parts = [(self._path(each.id), keys[each.id]) for each in found if each.id in keys]
        return await asyncio.to_thread(Sound, parts)

    # --- being kept, and not

    async def erase(self, call: str) -> None:
        """Erase what was recorded of a call; its place in the history stays."""
        async with self._store.begin() as connection:
            await connection.execute(delete(recordings).where(recordings.c.call == call))
        await self._store.scrub()
        await self.sweep()

    async def sweep(self) -> None:
        """Erase the files that have no row any more."""
        named = await asyncio.to_thread(self._names)
        for name in await missing_of(self._store, recordings.c.id, named):
            self._erase(name)

    async def abandoned(self) -> None:
        """Wait until there is one to mend that was not there at the last `mend`."""
        await self._abandoned.wait()

    async def mend(self, seconds_of: Callable[[bytes], float]) -> None:
        """Finish what a process or a server left that died.

        `seconds_of` tells a file's length from its end. What is being recorded is let be,
        also by another process.
        """
        self._abandoned.clear()
        for each in await self._find(recordings.c.seconds.is_(None)):
            path, key = self._path(each.id), (await self._keys([each.id])).get(each.id)
            if key is None or not path.exists():
                continue
            try:
                recorded = await asyncio.to_thread(_mend, path, key, seconds_of)
            except (OSError, OperatorError) as error:
                log.error("recording %s cannot be mended: %s", each.id, error)
                continue
            if recorded is not None:
                await self.finish(each.id, recorded)

    async def _find(self, condition: ColumnElement[bool]) -> list[Recording]:
        query = select(*_SHOWN).where(condition).order_by(recordings.c.started_at)
        async with self._store.read() as connection:
            return [Recording(*row) for row in await connection.execute(query)]

    async def _keys(self, ids: Sequence[str]) -> dict[str, bytes]:
        query = select(recordings.c.id, recordings.c.sealed_key).where(recordings.c.id.in_(ids))
        async with self._store.read() as connection:
            rows: Sequence[Row[*tuple[Any, ...]]] = (await connection.execute(query)).all()
        return {row.id: self._keyring.decrypt(row.sealed_key, **_place(row.id)) for row in rows}

    def _names(self) -> list[str]:
        return [path.stem for path in self._directory.glob(f"*{_SUFFIX}")]

    def _path(self, recording: str) -> Path:
        return self._directory / f"{recording}{_SUFFIX}"

    def _erase(self, recording: str) -> None:
        try:
            self._path(recording).unlink(missing_ok=True)
        except OSError as error:
            log.error("recording %s cannot be erased: %s", recording, error)


class Sound:
    """What was recorded of a call, to be read from any place; reads the disk where it stands."""

    def __init__(self, parts: Sequence[tuple[Path, bytes]]) -> None:
        self._readers = [SealedReader(path, key) for path, key in parts]
        self.size = sum(reader.size for reader in self._readers)

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The plain bytes from `start` to before `end`, in pieces of a few kilobytes."""
        end = self.size if end is None else end
        first = 0
        for reader in self._readers:
            if start < first + reader.size and first < end:
                yield from reader.read(max(start - first, 0), end - first)
            first += reader.size


def _mend(path: Path, key: bytes, seconds_of: Callable[[bytes], float]) -> Recorded | None:
    if not mend(path, key):
        return None
    reader = SealedReader(path, key)
    tail = b"".join(reader.read(max(0, reader.size - _TAIL_BYTES)))
    return Recorded(round(seconds_of(tail), 3), reader.size)


def _place(recording: str) -> dict[str, str]:
    return {"table": "recordings", "row": recording, "column": "sealed_key"}
