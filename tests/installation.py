"""A real installation in a directory of its own, with a clock that the test moves."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import Executable, NullPool, Row, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine

from signaling import migrations
from signaling.records import Records, open_records
from signaling.shared.config import Config, Database
from signaling.tables import metadata

SECRET_KEY = "a key of at least thirty-two characters"
PASSWORD = "correct horse battery"
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
"""For passwords that nobody looks for: at the usual cost they would be most of a test's work."""


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@asynccontextmanager
async def installation(
    directory: Path,
    clock: Clock | None = None,
    *,
    database: str | None = None,
    keys: tuple[str, ...] = (SECRET_KEY,),
    hasher: PasswordHasher | None = CHEAP_HASHER,
    laid_out: bool = True,
) -> AsyncIterator[Records]:
    """`database` is a URL; without it, SQLite in the directory. No `hasher` is the usual one.

    Unless it is `laid_out`, the first start makes the database itself, and knows that it did.
    """
    config = Config(data_dir=directory / "data", domain="phones.test", secret_key=keys)
    if database is not None:
        config = replace(config, database=Database(database))
    if laid_out:
        _lay_out(config.database_url)
    async with open_records(config, clock=clock or Clock(), hasher=hasher) as records:
        yield records


def _lay_out(url: str) -> None:
    """Where SQLite has no file yet, put one there that was migrated already."""
    file = Path(url.removeprefix("sqlite+aiosqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    """What a database is before its first start has written: our tables, with nothing in them."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrations.upgrade(connection)
    with engine.connect() as connection:
        database = connection.connection.driver_connection
        assert isinstance(database, sqlite3.Connection)
        laid_out = database.serialize()
    engine.dispose()
    return laid_out


def all_bytes(directory: Path) -> bytes:
    """Everything that the installation left on disk."""
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


class Stored:
    """What a database holds, read past the program."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory

    async def run(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        engine = create_async_engine(self._url, poolclass=NullPool)
        async with engine.begin() as connection:
            result = await connection.execute(statement)
            return result.all() if result.returns_rows else []

    async def everything(self) -> bytes:
        """All bytes on SQLite's disk; of PostgreSQL, whose disk is not ours, every value."""
        if self._url.startswith("sqlite"):
            return all_bytes(self._directory)
        values = [
            value
            for table in metadata.sorted_tables
            for row in await self.run(select(table))
            for value in row
        ]
        return b"\n".join(
            value if isinstance(value, bytes) else str(value).encode() for value in values
        )
