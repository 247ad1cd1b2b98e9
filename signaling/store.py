"""The database: opened, migrated, and lent out one transaction at a time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, event, insert, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from signaling import migrations
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.tables import settings

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    # What is deleted is overwritten, so that a removed account cannot be read from the file.
    "PRAGMA secure_delete = ON",
)
_PROBE = b"wsphone"


class Store:
    """One open database. `created` tells whether this very start made it."""

    def __init__(self, engine: AsyncEngine, *, created: bool) -> None:
        self.created = created
        self._readers = engine
        self._snapshots = engine.execution_options(sqlite_begin="DEFERRED")
        self._writers = engine.execution_options(sqlite_begin="IMMEDIATE")
        # SQLite lets one writer in and has the others poll; those of this process queue here.
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, file: Path, *, domain: str, keyring: Keyring) -> Self:
        """Open the database, making it where it is missing; raises OperatorError."""
        make_directory(file.parent)
        _touch(file)
        engine = _engine(file)
        try:
            async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
                created = await connection.run_sync(migrations.upgrade)
                await connection.run_sync(_check_settings, domain, keyring)
        except DBAPIError as error:
            await engine.dispose()
            raise OperatorError(f"{file}: cannot be used: {error.orig}") from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, created=created)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; it is committed unless the block raises."""
        async with self._turn, self._writers.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For one look-up: a transaction around it would cost half as much again."""
        async with self._readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """For several look-ups that must see the same moment."""
        async with self._snapshots.connect() as connection:
            yield connection

    async def scrub(self) -> None:
        """Empty the write-ahead log, which still holds what was just deleted."""
        async with self._turn, self._readers.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        await self._readers.dispose()


def make_directory(path: Path) -> None:
    """Make the directory that holds everything we keep, closed to others; raises OperatorError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{path}: cannot be made: {error.strerror}; set data_dir to a writable directory"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperatorError(
            f"{path}: is not writable by this user; set data_dir to a writable directory"
        )


def _touch(file: Path) -> None:
    # SQLite would make the file readable for everybody; its other files take over this mode.
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise OperatorError(f"{file}: cannot be opened: {error.strerror}") from error


def _engine(file: Path) -> AsyncEngine:
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(file)))

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # Python's sqlite3 would begin late, at the first write, and then cannot wait its turn.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        kind = connection.get_execution_options().get("sqlite_begin")
        if kind is not None:
            connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _check_settings(connection: Connection, domain: str, keyring: Keyring) -> None:
    """Keep what the data depends on at the first start; refuse to go on when it differs later."""
    rows = connection.execute(select(settings.c.name, settings.c.value))
    found = {name: bytes(value) for name, value in rows}
    if not found:
        probe = keyring.encrypt(_PROBE, table="settings", row="probe", column="value")
        connection.execute(
            insert(settings),
            [{"name": "domain", "value": domain.encode()}, {"name": "probe", "value": probe}],
        )
        return
    keyring.decrypt(found["probe"], table="settings", row="probe", column="value")
    stored = found["domain"].decode()
    if stored != domain:
        raise OperatorError(
            f"this installation was started with domain {stored}, now it is {domain}: every"
            f" address and SIP secret belongs to {stored}; set domain back, or start anew with"
            " another data_dir and add the accounts there"
        )
