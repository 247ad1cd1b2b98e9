"""The database: opened, migrated, and lent out one transaction at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Self

from sqlalchemy import Column, Connection, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from signaling import migrations
from signaling.databases import CONNECT_ERRORS, Purpose, lending, open_engine, shown
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError, TryAgain
from signaling.tables import settings

log = logging.getLogger(__name__)

_PROBE = b"wsphone"
# Ids that one query names.
_CHUNK = 500


class Store:
    """One open database. `created` tells whether this very start made it.

    What lends a connection raises TryAgain while there is none to be had.
    """

    def __init__(self, engine: AsyncEngine, *, created: bool) -> None:
        self.created = created
        self._engine = engine
        self._readers = lending(engine, Purpose.READ)
        self._snapshots = lending(engine, Purpose.SNAPSHOT)
        self._writers = lending(engine, Purpose.WRITE)
        # The database lets one writer in and has the others wait, each with a connection of its
        # own; those of this process queue here.
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, *, domain: str, keyring: Keyring) -> Self:
        """Open the database, making what is missing; raises OperatorError."""
        engine = open_engine(url)
        try:
            async with lending(engine, Purpose.WRITE).begin() as connection:
                created = await connection.run_sync(migrations.upgrade)
                await connection.run_sync(_check_settings, domain, keyring)
        except DBAPIError as error:
            await engine.dispose()
            raise OperatorError(f"{shown(url)}: cannot be used: {error.orig}") from error
        except CONNECT_ERRORS as error:
            await engine.dispose()
            raise OperatorError(f"{shown(url)}: cannot be used: {error}") from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, created=created)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; it is committed unless the block raises."""
        async with self._turn, _lent(self._writers) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For one look-up: a transaction around it would cost half as much again."""
        async with _lent(self._readers) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """For several look-ups that must see the same moment."""
        async with _lent(self._snapshots) as connection:
            yield connection

    async def scrub(self) -> None:
        """Empty SQLite's write-ahead log, which still holds what was just deleted.

        PostgreSQL's own log and the rows it marked as dead go with its housekeeping.
        """
        if self._engine.dialect.name == "sqlite":
            async with self._turn, self._readers.connect() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def _lent(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        connection = await engine.connect()
    except (DBAPIError, *CONNECT_ERRORS) as error:
        log.warning("the database cannot be reached: %s", error)
        raise TryAgain("the database cannot be reached now", retry_after=5) from error
    try:
        yield connection
    finally:
        await connection.close()


async def missing_of(store: Store, column: Column[str], ids: Collection[str]) -> set[str]:
    """Which of the ids no row has in `column`."""
    wanted = list(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        query = select(column).where(column.in_(wanted[start : start + _CHUNK]))
        async with store.read() as connection:
            found.update(await connection.scalars(query))
    return set(wanted) - found


def check_probe(found: Mapping[str, bytes], keyring: Keyring) -> None:
    """Raise OperatorError unless the keys are those that an installation was started with."""
    keyring.decrypt(found["probe"], table="settings", row="probe", column="value")


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
    check_probe(found, keyring)
    stored = found["domain"].decode()
    if stored != domain:
        raise OperatorError(
            f"this installation was started with domain {stored}, now it is {domain}: every"
            f" address and SIP secret belongs to {stored}; set domain back, or start anew with"
            " another data_dir and add the accounts there"
        )
